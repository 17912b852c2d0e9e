/* SPDX-License-Identifier: GPL-2.0-only */
/* The network device of kind "sluice". */
#ifndef _SLUICE_DEVICE_H
#define _SLUICE_DEVICE_H

int sluice_device_register(void);
/* Removes all networks of all network namespaces first. */
void sluice_device_unregister(void);

#endif /* _SLUICE_DEVICE_H */
