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
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${KATA_SYSROOT}/lib")
set(CMAKE_FIND_ROOT_PATH ${KATA_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${KATA_SYSROOT}/lib/pkgconfig)
