#include "smelt/eval/run_arrays.h"

#include <chrono>

#include "smelt/data/npz.h"
#include "smelt/data/npz_writer.h"
#include "smelt/ir/dump.h"
#include "smelt/run/run_samples.h"

namespace smelt {
namespace {

Shape with_leading(int64_t count, const Shape& shape, int skip = 0) {
  std::vector<int32_t> dims = {static_cast<int32_t>(count)};
  dims.insert(dims.end(), shape.dims().begin() + skip, shape.dims().end());
  return Shape(std::move(dims));
}

void check_input(const Rows& rows, const std::string& key, const Tensor& tensor) {
  if (rows.type() != tensor.type) {
    fail(ErrorKind::bad_argument, "{} holds {} but input {} takes {}", key, name(rows.type()),
         tensor.name, name(tensor.type));
  }
  const bool has_batch = tensor.shape.rank() > 0 && tensor.shape[0] == 1;
  const Shape whole = with_leading(rows.count(), tensor.shape);
  const bool fits = rows.shape() == whole ||
                    (has_batch && rows.shape() == with_leading(rows.count(), tensor.shape, 1));
  if (!fits || rows.shape().rank() == 0) {
    fail(ErrorKind::bad_argument, "{} has shape {} but input {} takes [samples] + {}", key,
         to_string(rows.shape()), tensor.name, to_string(tensor.shape));
  }
}

void check_inputs(const std::vector<Rows>& inputs, const Graph& graph) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_input(inputs[i], fmt::format("in{}", i), graph.tensor(graph.inputs()[i]));
    if (inputs[i].count() != inputs[0].count()) {
      fail(ErrorKind::bad_argument, "in{} has {} samples but in0 has {}", i, inputs[i].count(),
           inputs[0].count());
    }
  }
  if (inputs.empty()) fail(ErrorKind::unsupported, "the model has no inputs");
  if (inputs[0].count() == 0) fail(ErrorKind::bad_argument, "in0 holds no samples");
}

/// Axes of an input that the file leaves open, the batch aside, take the sizes of the array.
void take_sizes(Tensor& tensor, const Shape& rows) {
  const int rank = tensor.shape.rank();
  const int skip = rows.rank() - rank;
  if (!tensor.shape_signature || tensor.shape_signature->rank() != rank || skip < 0) return;
  for (int axis = 1; axis < rank; ++axis) {
    if ((*tensor.shape_signature)[axis] == Shape::kUnknown) tensor.shape[axis] = rows[skip + axis];
  }
}

/// Errors of the archive itself name its path already.
std::vector<Rows> open_inputs(const std::filesystem::path& path, Graph& graph) {
  const auto file = NpzFile::open(path);
  std::vector<Rows> inputs;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    inputs.push_back(file->rows(fmt::format("in{}", i)));
    take_sizes(graph.tensor(graph.inputs()[i]), inputs[i].shape());
  }
  with_context([&] { return path.string(); }, [&] { check_inputs(inputs, graph); });
  return inputs;
}

/// Shapes of the outputs of one sample. Where they depend on data, those of the first sample, which
/// is run for that.
std::vector<Shape> output_shapes(const std::shared_ptr<const Program>& program,
                                 const std::vector<Rows>& rows) {
  std::vector<Shape> shapes;
  if (!program->dynamic()) {
    for (const TensorId id : program->graph().outputs()) {
      shapes.push_back(program->graph().tensor(id).shape);
      // With a batch, axis 0 of one sample is 1 again.
      if (program->options().batch > 1) shapes.back()[0] = 1;
    }
    return shapes;
  }
  Interpreter interpreter(program);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].read(0, 1, interpreter.input_bytes(i));
  interpreter.invoke();
  for (size_t i = 0; i < program->graph().outputs().size(); ++i) {
    shapes.push_back(interpreter.output_shape(i));
  }
  return shapes;
}

void require_shape(const Shape& shape, const Shape& first, size_t output) {
  if (shape == first) return;
  fail(ErrorKind::unsupported,
       "output {} has shape {} but that of the first sample has {}; arrays hold samples of one "
       "shape only, so run such samples apart",
       output, to_string(shape), to_string(first));
}

}  // namespace

RunArraysResult run_arrays(const Model& model, const std::filesystem::path& inputs,
                           const std::filesystem::path& outputs, const RunArraysOptions& options) {
  Model sized = model;  // shares the constants
  const std::vector<Rows> rows = open_inputs(inputs, sized.main());
  const int64_t samples = rows[0].count();

  SampleRunOptions run;
  run.threads = options.threads;
  run.numerics = options.numerics;
  run.progress = options.progress;
  const auto program = prepare_for_samples(sized, samples, run);

  NpzWriter writer(outputs);
  std::vector<int> arrays;
  const std::vector<Shape> shapes = output_shapes(program, rows);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const DataType type = program->graph().tensor(program->graph().outputs()[i]).type;
    arrays.push_back(writer.add(fmt::format("out{}", i), type, with_leading(samples, shapes[i])));
  }

  const auto start = std::chrono::steady_clock::now();
  run_samples(
      program, samples, run,
      [&](int64_t sample, const SampleInputs& to) {
        for (size_t i = 0; i < rows.size(); ++i) rows[i].read(sample, 1, to.bytes(i));
      },
      [&](int64_t sample, const SampleOutputs& from) {
        for (size_t i = 0; i < arrays.size(); ++i) {
          require_shape(from.shape(i), shapes[i], i);
          writer.write(arrays[i], sample, from.bytes(i));
        }
      });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  writer.commit();
  return {samples, static_cast<double>(samples) / elapsed.count()};
}

}  // namespace smelt
