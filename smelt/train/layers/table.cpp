#include "smelt/train/layer.h"

namespace smelt::train {

LayerFactory layer_factory(OpType type) {
  switch (type) {
    default:
      return nullptr;
  }
}

}  // namespace smelt::train
