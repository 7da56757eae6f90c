# SPDX-License-Identifier: Apache-2.0
#
# The devices our QEMU has: the q35 machine and what the runtime can put into it, nothing else.
# Every device not compiled in is code that a guest cannot reach.

# The machine.  HPET and VMPORT are made by its board code unless the command line says no.
CONFIG_Q35=y
CONFIG_HPET=y
CONFIG_VMPORT=y
CONFIG_PCIE_PORT=y
CONFIG_NVDIMM=y
CONFIG_PVPANIC_ISA=y

# Virtio devices that QEMU answers itself.
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BALLOON=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_IOMMU=y
CONFIG_VIRTIO_MEM=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_PMEM=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_SCSI=y
CONFIG_VIRTIO_SERIAL=y

# Virtio devices that the host's kernel or another process answers.
CONFIG_VHOST_VSOCK=y
CONFIG_VHOST_USER_BLK=y
CONFIG_VHOST_USER_FS=y
CONFIG_VHOST_USER_VSOCK=y

# Devices of the host handed to the guest.
CONFIG_VFIO=y
CONFIG_VFIO_PCI=y
CONFIG_VTD=y
