// SPDX-License-Identifier: Apache-2.0
//
// What the kernel module has counted, as metrics.  Read over a netlink socket of their own, on the thread that asks:
// the control thread has better to do.
#pragma once

#include <vector>

#include "metrics/families.hpp"
#include "netlink/types.hpp"

namespace sluice::gateway {

// Asks the kernel; when it does not answer, sluice_kernel_up tells.
void measure_kernel(metrics::Families& families);

// Every counter of the contract is a metric of its own, for one packet is in several, but for the reasons of drops,
// which exclude each other.  Pure.
void add_kernel(metrics::Families& families, const std::vector<netlink::Counters>& counters,
                const std::vector<netlink::Network>& networks);

}  // namespace sluice::gateway
