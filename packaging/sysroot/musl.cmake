# SPDX-License-Identifier: Apache-2.0
#
# CMake toolchain of the release build: musl-gcc with the static libraries of the artefact `sysroot`.
#
#   cmake --preset release -DKATA_SYSROOT=$(packaging/artefact sysroot)

set(KATA_SYSROOT "" CACHE PATH "the artefact sysroot")
# try_compile() reads this file again without the cache.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES KATA_SYSROOT)
if(NOT EXISTS "${KATA_SYSROOT}/lib/pkgconfig")
	message(FATAL_ERROR "KATA_SYSROOT is not set to a built sysroot; "
		"pass -DKATA_SYSROOT=$(packaging/artefact sysroot)")
endif()

set(CMAKE_C_COMPILER musl-gcc)
# Objects for link-time optimisation need the archiver that knows them; beside musl-gcc there is none.
set(CMAKE_C_COMPILER_AR gcc-ar)
set(CMAKE_C_COMPILER_RANLIB gcc-ranlib)
# -idirafter: musl's own headers come first, the kernel's are among ours.  The folder's name differs
# from machine to machine and must not get into the programs.
set(CMAKE_C_FLAGS_INIT "-idirafter ${KATA_SYSROOT}/include -ffile-prefix-map=${KATA_SYSROOT}=/sysroot")

# Static and position independent: the shim takes answers from a hostile guest and must not lie at a
# known address.  musl-gcc knows no -static-pie, so what that stands for is spelled out: the start file
# that relocates the program, the linker's options, and the end files after all libraries.
set(musl /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl)
if(NOT EXISTS ${musl}/rcrt1.o)
	message(FATAL_ERROR "no ${musl}/rcrt1.o; install the Debian package musl-dev")
endif()
execute_process(COMMAND gcc -print-file-name=crtbeginS.o OUTPUT_VARIABLE crtbegin
	OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND gcc -print-file-name=crtendS.o OUTPUT_VARIABLE crtend
	OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(JOIN " " CMAKE_EXE_LINKER_FLAGS_INIT
	"-L${KATA_SYSROOT}/lib -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text"
	${musl}/rcrt1.o ${musl}/crti.o ${crtbegin})
set(CMAKE_C_STANDARD_LIBRARIES_INIT "${crtend} ${musl}/crtn.o")

set(CMAKE_FIND_ROOT_PATH ${KATA_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${KATA_SYSROOT}/lib/pkgconfig)
