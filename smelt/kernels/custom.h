#pragma once

#include <string_view>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// CUSTOM: finds the op by its name. unsupported, naming it, where there is none.
Kernel prepare_custom(const PrepareArgs& args);

/// The prepare function of the custom op of that name, or null.
PrepareKernel find_custom_kernel(std::string_view code);

}  // namespace smelt
