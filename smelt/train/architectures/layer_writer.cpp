#include "smelt/train/architectures/layer_writer.h"

#include "smelt/formats/common/compose.h"
#include "smelt/train/architectures/initializers.h"

namespace smelt::train {
namespace {

int32_t output_size(int32_t size, int32_t kernel, int32_t stride, Padding padding) {
  const int32_t covered = padding == Padding::same ? size : size - kernel + 1;
  if (covered < 1) fail(ErrorKind::bad_argument, "an image of {} cells is too small", size);
  return (covered + stride - 1) / stride;
}

Shape conv_output(const Shape& in, int32_t height, int32_t width, int32_t stride, Padding padding,
                  int32_t channels) {
  return {in[0], output_size(in[1], height, stride, padding),
          output_size(in[2], width, stride, padding), channels};
}

}  // namespace

uint64_t LayerWriter::seed_of(const std::string& role) const {
  uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : writer_.origin() + "/" + role) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  }
  return Random(seed_ ^ hash).next();
}

TensorId LayerWriter::weight(const std::string& role, Shape shape, int64_t fan_in, int64_t fan_out,
                             Initializer initializer) {
  Random random(seed_of(role));
  const int64_t count = shape.elements();
  return floats(writer_, role,
                initializer == Initializer::he_normal
                    ? he_normal(count, fan_in, random)
                    : glorot_uniform(count, fan_in, fan_out, random),
                std::move(shape));
}

TensorId LayerWriter::filled(const std::string& role, int32_t size, float value) {
  return floats(writer_, role, std::vector<float>(static_cast<size_t>(size), value), {size});
}

TensorId LayerWriter::ended(TensorId result) {
  writer_.end_layer({&result, 1});
  return result;
}

TensorId LayerWriter::input(const std::string& name, const Shape& sample) {
  std::vector<int32_t> dims{1};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  return writer_.input(name, DataType::float32, Shape(std::move(dims)));
}

TensorId LayerWriter::conv(const std::string& name, TensorId x, const ConvOptions& options) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const int64_t cells = int64_t{options.height} * options.width;
  const TensorId kernel = weight("kernel", {options.filters, options.height, options.width, in[3]},
                                 cells * in[3], cells * options.filters, options.initializer);
  const TensorId bias = options.bias ? filled("bias", options.filters, 0) : TensorId::none;
  const Conv2DAttributes attributes{
      .padding = options.padding, .stride_h = options.stride, .stride_w = options.stride};
  return ended(writer_.op(OpType::conv_2d, {x, kernel, bias}, attributes,
                          conv_output(in, options.height, options.width, options.stride,
                                      options.padding, options.filters)));
}

TensorId LayerWriter::depthwise(const std::string& name, TensorId x, int32_t stride,
                                Padding padding, bool bias) {
  constexpr int32_t kSize = 3;
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const TensorId kernel =
      weight("depthwise_kernel", {1, kSize, kSize, in[3]}, int64_t{kSize} * kSize * in[3],
             int64_t{kSize} * kSize, Initializer::glorot_uniform);
  const TensorId offset = bias ? filled("bias", in[3], 0) : TensorId::none;
  const DepthwiseConv2DAttributes attributes{
      .padding = padding, .stride_h = stride, .stride_w = stride};
  return ended(writer_.op(OpType::depthwise_conv_2d, {x, kernel, offset}, attributes,
                          conv_output(in, kSize, kSize, stride, padding, in[3])));
}

TensorId LayerWriter::batch_norm(const std::string& name, TensorId x, float momentum) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const TensorId gamma = filled("gamma", in.back(), 1), beta = filled("beta", in.back(), 0);
  const TensorId mean = filled("moving_mean", in.back(), 0);
  const TensorId variance = filled("moving_variance", in.back(), 1);
  return ended(writer_.op(OpType::batch_normalization, {x, gamma, beta, mean, variance},
                          BatchNormalizationAttributes{.momentum = momentum}, in));
}

TensorId LayerWriter::activation(const std::string& name, OpType type, TensorId x) {
  writer_.begin_layer(name);
  return ended(writer_.unary(type, x));
}

TensorId LayerWriter::add(const std::string& name, TensorId x, TensorId y) {
  writer_.begin_layer(name);
  return ended(writer_.binary(OpType::add, x, y));
}

TensorId LayerWriter::dropout(const std::string& name, TensorId x, double rate) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  return ended(
      writer_.op(OpType::dropout, {x}, DropoutAttributes{.rate = static_cast<float>(rate)}, in));
}

TensorId LayerWriter::zero_pad(const std::string& name, TensorId x, std::array<int32_t, 2> rows,
                               std::array<int32_t, 2> columns) {
  writer_.begin_layer(name);
  return ended(pad(writer_, x, {{0, 0}, rows, columns, {0, 0}}));
}

TensorId LayerWriter::average_pool(const std::string& name, TensorId x, int32_t height,
                                   int32_t width) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const Pool2DAttributes attributes{.padding = Padding::valid,
                                    .stride_h = height,
                                    .stride_w = width,
                                    .filter_h = height,
                                    .filter_w = width};
  return ended(writer_.op(OpType::average_pool_2d, {x}, attributes,
                          {in[0], in[1] / height, in[2] / width, in[3]}));
}

TensorId LayerWriter::global_average(const std::string& name, TensorId x, bool keep_dims) {
  writer_.begin_layer(name);
  return ended(reduce(writer_, OpType::mean, x, {1, 2}, keep_dims));
}

TensorId LayerWriter::reshape(const std::string& name, TensorId x,
                              const std::vector<int32_t>& sample) {
  writer_.begin_layer(name);
  return ended(smelt::reshape(writer_, x, sample));
}

TensorId LayerWriter::flatten(const std::string& name, TensorId x) {
  return reshape(name, x, {static_cast<int32_t>(shape(x).elements(1, shape(x).rank()))});
}

TensorId LayerWriter::dense(const std::string& name, TensorId x, int32_t units,
                            std::optional<OpType> behind, Initializer initializer) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const TensorId kernel = weight("kernel", {units, in.back()}, in.back(), units, initializer);
  const TensorId bias = filled("bias", units, 0);
  TensorId y = writer_.op(OpType::fully_connected, {x, kernel, bias}, FullyConnectedAttributes{},
                          {in[0], units});
  if (behind)
    y = *behind == OpType::softmax ? smelt::softmax(writer_, y) : writer_.unary(*behind, y);
  return ended(y);
}

TensorId LayerWriter::classifier(const std::string& name, TensorId x, int32_t classes,
                                 Initializer initializer) {
  return dense(name, x, classes, classes == 1 ? OpType::logistic : OpType::softmax, initializer);
}

TensorId LayerWriter::softmax(const std::string& name, TensorId x) {
  writer_.begin_layer(name);
  return ended(smelt::softmax(writer_, x));
}

TensorId LayerWriter::lstm(const std::string& name, TensorId x, int32_t units,
                           bool return_sequences) {
  writer_.begin_layer(name);
  const Shape in = shape(x);
  const int32_t gates = 4 * units;
  const TensorId kernel =
      weight("kernel", {gates, in[2]}, in[2], gates, Initializer::glorot_uniform);
  Random random(seed_of("recurrent_kernel"));
  const TensorId recurrent =
      floats(writer_, "recurrent_kernel", orthogonal(gates, units, random), {gates, units});
  std::vector<float> biases(static_cast<size_t>(gates), 0);
  // The forget gate starts open (Keras's unit_forget_bias).
  std::fill(biases.begin() + units, biases.begin() + 2 * ptrdiff_t{units}, 1.0f);
  const TensorId bias = floats(writer_, "bias", biases, {gates});
  const RecurrentAttributes attributes{.cell = RecurrentCell::lstm,
                                       .return_sequences = return_sequences};
  const std::vector<TensorId> operands{
      x, kernel, recurrent, bias, TensorId::none, TensorId::none, TensorId::none, TensorId::none};
  const Shape out = return_sequences ? Shape{in[0], in[1], units} : Shape{in[0], units};
  return ended(writer_.op(OpType::recurrent, operands, attributes, out));
}

Graph LayerWriter::finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) && {
  return std::move(writer_).finish(std::move(inputs), std::move(outputs));
}

}  // namespace smelt::train
