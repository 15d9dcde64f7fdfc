#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// x [N,H,W,C] -> [N,Ho,Wo,C]. Cells of the padding count in no window, in Keras as in TFLite.
TensorId pool(const Layer& layer, OpType type) {
  require_channels_last(layer);
  const Shape in = layer.input_shape(4);
  const auto window = layer.config.pair_or("pool_size", {2, 2});
  const auto stride = layer.config.pair_or("strides", window);
  const Padding padding = read_padding(layer);
  const Pool2DAttributes attributes{.padding = padding,
                                    .stride_h = stride[0],
                                    .stride_w = stride[1],
                                    .filter_h = window[0],
                                    .filter_w = window[1]};
  return layer.graph.op(type, {layer.input()}, attributes,
                        {1, output_size(in[1], window[0], stride[0], 1, padding),
                         output_size(in[2], window[1], stride[1], 1, padding), in[3]});
}

/// x [N,H,W,C] -> [N,C], or [N,1,1,C] with keepdims.
TensorId global_pool(const Layer& layer, OpType type) {
  require_channels_last(layer);
  const Shape in = layer.input_shape(4);
  const bool keep = layer.config.boolean("keepdims", false);
  const TensorId axes = layer.graph.ints("axes", {1, 2}, {2});
  return layer.graph.op(type, {layer.input(), axes}, ReduceAttributes{.keep_dims = keep},
                        keep ? Shape{1, 1, 1, in[3]} : Shape{1, in[3]});
}

Results import_max_pooling(const Layer& layer) { return pool(layer, OpType::max_pool_2d); }
Results import_average_pooling(const Layer& layer) { return pool(layer, OpType::average_pool_2d); }
Results import_global_max(const Layer& layer) { return global_pool(layer, OpType::reduce_max); }
Results import_global_average(const Layer& layer) { return global_pool(layer, OpType::mean); }

constexpr TableRow kRows[] = {
    {"MaxPooling2D", import_max_pooling},
    {"AveragePooling2D", import_average_pooling},
    {"GlobalMaxPooling2D", import_global_max},
    {"GlobalAveragePooling2D", import_global_average},
};

}  // namespace

std::span<const TableRow> pooling_layers() { return kRows; }

}  // namespace smelt::keras
