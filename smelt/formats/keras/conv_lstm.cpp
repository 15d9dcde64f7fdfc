#include <algorithm>

#include "smelt/formats/keras/recurrent.h"
#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

constexpr int32_t kGates = 4;  ///< input, forget, candidate, output

/// A kernel [size..., in, out] as an operand of the convolution over so many axes; one axis gets
/// another in front.
TensorId read_kernel(const Layer& layer, const char* role, size_t position,
                     const std::vector<int32_t>& size, int32_t in, int32_t out) {
  std::vector<int32_t> stored = size;
  stored.insert(stored.end(), {in, out});
  if (size.size() == 3) {
    return plain_weight(layer, {role}, position, Shape(stored), Shape(stored));
  }
  const int32_t height = size.size() == 1 ? 1 : size[0];
  return transposed_weight(layer, {role}, position, Shape(stored), {out, height, size.back(), in});
}

TensorId convolve(GraphWriter& graph, TensorId x, TensorId kernel, TensorId bias,
                  const Window& window, int32_t channels) {
  const Shape y = window_output(graph.shape(x), window, channels);
  if (window.size.size() == 3) {
    return graph.op(OpType::conv_3d, {x, kernel, bias}, conv_3d_attributes(window), y);
  }
  return graph.op(OpType::conv_2d, {x, kernel, bias}, conv_2d_attributes(window), y);
}

/// Axes behind the first `lead`.
std::vector<int32_t> sample_dims(const Shape& shape, int lead) {
  return {shape.dims().begin() + lead, shape.dims().end()};
}

/// The layer over one sequence: x [N,T,spatial...,C] with channels last.
class ConvLstm {
 public:
  ConvLstm(const Layer& layer, size_t axes)
      : layer_(layer),
        cell_(layer.part({.key = "cell", .name = ""})),
        graph_(layer.graph),
        axes_(axes),
        filters_(layer.config.integer("filters", 1, 1 << 20)) {}

  /// y of every step, and the last states.
  struct Run {
    std::vector<TensorId> outputs;
    TensorId h, c;
  };

  Run run(TensorId x, const SequenceInput& input, bool backwards) {
    const std::vector<TensorId> products = input_products(x);
    Window again = read_window(layer_, axes_);
    std::ranges::fill(again.stride, 1);
    std::ranges::fill(again.dilation, 1);
    again.padding = Padding::same;
    const TensorId kernel =
        read_kernel(cell_, "recurrent_kernel", 1, again.size, filters_, kGates * filters_);
    if (axes_ == 1) again = with_height(again);
    Run run;
    if (!input.states.empty()) {
      if (input.states.size() != 2) fail(ErrorKind::bad_file, "two initial states are needed");
      run.h = lifted(input.states[0], products[0]);
      run.c = lifted(input.states[1], products[0]);
    }
    for (size_t s = 0; s < products.size(); ++s) {
      TensorId sum = products[backwards ? products.size() - 1 - s : s];
      if (run.h) {
        const TensorId more =
            convolve(graph_, run.h, kernel, TensorId::none, again, kGates * filters_);
        sum = graph_.binary(OpType::add, sum, more);
      }
      step(sum, run);
      run.outputs.push_back(run.h);
    }
    return run;
  }

  /// [N,1,L,F] -> [N,L,F] where there is one spatial axis.
  TensorId lowered(TensorId y) { return axes_ == 1 ? without_height(graph_, y) : y; }

 private:
  TensorId lifted(TensorId state, TensorId product) {
    if (channels_first(layer_)) state = to_channels_last(layer_, state);
    if (axes_ == 1) state = with_height(graph_, state);
    Shape expected = graph_.shape(product);
    expected[expected.rank() - 1] = filters_;
    if (graph_.shape(state) != expected) {
      fail(ErrorKind::bad_file, "an initial state has shape {}, expected {}",
           to_string(graph_.shape(state)), to_string(expected));
    }
    return state;
  }

  /// The convolutions of all steps of x at once, taken apart.
  std::vector<TensorId> input_products(TensorId x) {
    const Shape in = graph_.shape(x);
    Window window = read_window(layer_, axes_);
    const TensorId kernel =
        read_kernel(cell_, "kernel", 0, window.size, in.back(), kGates * filters_);
    const TensorId bias = layer_.config.boolean("use_bias", true)
                              ? vector_weight(cell_, {"bias"}, 2, kGates * filters_)
                              : TensorId::none;
    std::vector<int32_t> sample = sample_dims(in, 2);
    if (axes_ == 1) {
      sample.insert(sample.begin(), 1);
      window = with_height(window);
    }
    const TensorId steps = reshape(graph_, x, sample);
    const TensorId y = convolve(graph_, steps, kernel, bias, window, kGates * filters_);
    std::vector<int32_t> dims = sample_dims(graph_.shape(y), 1);
    dims.insert(dims.begin(), in[1]);
    const TensorId all = reshape(graph_, y, dims);
    dims[0] = in[0];
    const auto count = static_cast<size_t>(in[1]);
    const std::vector<Shape> shapes(count, Shape(dims));
    const std::vector<DataType> types(count, DataType::float32);
    return graph_.results(OpType::unpack, {all}, UnpackAttributes{.count = in[1], .axis = 1},
                          shapes, types);
  }

  void step(TensorId sum, Run& run) {
    Shape gate = graph_.shape(sum);
    const int last = gate.rank() - 1;
    gate[last] = filters_;
    const std::vector<Shape> shapes(kGates, gate);
    const std::vector<DataType> types(kGates, DataType::float32);
    const auto gates = graph_.results(OpType::split, {graph_.ints("axis", {last}, {}), sum},
                                      SplitAttributes{.count = kGates}, shapes, types);
    const auto opened = [&](size_t i) {
      return apply_activation(layer_, gates[i], "recurrent_activation");
    };
    TensorId c = graph_.binary(OpType::mul, opened(0), apply_activation(layer_, gates[2]));
    if (run.c) {
      c = graph_.binary(OpType::add, graph_.binary(OpType::mul, opened(1), run.c), c);
    }
    run.c = c;
    run.h = graph_.binary(OpType::mul, opened(3), apply_activation(layer_, c));
  }

  const Layer& layer_;
  Layer cell_;
  GraphWriter& graph_;
  size_t axes_;
  int32_t filters_;
};

/// [N,T,C,...] -> [N,T,...,C]; with `back` the other way.
TensorId turn_sequence(const Layer& layer, TensorId x, bool back) {
  return move_axis(layer.graph, x, back ? layer.graph.shape(x).rank() - 1 : 2,
                   back ? 2 : layer.graph.shape(x).rank() - 1);
}

/// A layer of LSTM cells whose products are convolutions: unrolled, as TFLite has no op for it.
template <size_t kAxes>
Results import_conv_lstm(const Layer& layer) {
  const SequenceOptions options(layer.config);
  if (options.stateful) fail(ErrorKind::unsupported, "stateful=True is not supported here");
  SequenceInput input{layer.inputs.empty() ? TensorId::none : layer.inputs[0], layer.mask(), {}};
  if (!input.x) fail(ErrorKind::bad_file, "it has no input");
  if (input.mask) fail(ErrorKind::unsupported, "it has a mask, which is not supported here");
  input.states.assign(layer.inputs.begin() + 1, layer.inputs.end());
  for (const TensorId state : layer.keyword_tensors("initial_state")) {
    input.states.push_back(state);
  }
  if (layer.graph.shape(input.x).rank() != static_cast<int>(kAxes) + 3) {
    fail(ErrorKind::bad_file, "its input {} is no sequence of so many axes",
         to_string(layer.graph.shape(input.x)));
  }
  const bool turned = channels_first(layer);
  if (turned) input.x = turn_sequence(layer, input.x, false);
  ConvLstm cells(layer, kAxes);
  ConvLstm::Run run = cells.run(input.x, input, options.go_backwards);
  const auto give_out = [&](TensorId y) {
    y = cells.lowered(y);
    return turned ? from_channels_last(layer, y) : y;
  };
  std::vector<TensorId> values;
  if (options.return_sequences) {
    for (TensorId& y : run.outputs) y = cells.lowered(y);
    Shape shape = layer.graph.shape(run.outputs[0]);
    std::vector<int32_t> dims = shape.dims();
    const auto steps = static_cast<int32_t>(run.outputs.size());
    dims.insert(dims.begin() + 1, steps);
    const TensorId y = layer.graph.op(OpType::pack, run.outputs,
                                      PackAttributes{.count = steps, .axis = 1}, Shape(dims));
    values.push_back(turned ? turn_sequence(layer, y, true) : y);
  } else {
    values.push_back(give_out(run.h));
  }
  if (options.return_state) {
    values.push_back(give_out(run.h));
    values.push_back(give_out(run.c));
  }
  return Results(std::move(values));
}

constexpr TableRow kRows[] = {
    {"ConvLSTM1D", import_conv_lstm<1>},
    {"ConvLSTM2D", import_conv_lstm<2>},
    {"ConvLSTM3D", import_conv_lstm<3>},
};

}  // namespace

std::span<const TableRow> conv_lstm_layers() { return kRows; }

}  // namespace smelt::keras
