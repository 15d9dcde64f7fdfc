#pragma once

#include "smelt/train/fake_quant.h"

namespace smelt::train {

/// y = x as the integer model stores it, for values that no block rounds itself.
std::unique_ptr<Layer> make_rounding_layer(std::string name, const FakeQuant& quant, Operand x,
                                           Value* y);

}  // namespace smelt::train
