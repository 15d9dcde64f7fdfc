#include "smelt/c/smelt.h"

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "smelt/formats/formats.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/passes/pipeline.h"
#include "smelt/run/interpreter.h"

struct smelt_model {
  std::shared_ptr<const smelt::Program> program;
};

struct smelt_interpreter {
  explicit smelt_interpreter(std::shared_ptr<const smelt::Program> program)
      : runs(std::move(program)) {}
  smelt::Interpreter runs;
};

namespace {

using smelt::ErrorKind;

thread_local std::string last_error;

smelt_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_file:
      return SMELT_BAD_FILE;
    case ErrorKind::unsupported:
      return SMELT_UNSUPPORTED;
    case ErrorKind::bad_argument:
      return SMELT_BAD_ARGUMENT;
    case ErrorKind::io:
      return SMELT_IO;
    case ErrorKind::internal:
      break;
  }
  return SMELT_INTERNAL;
}

/// No exception crosses into C.
template <class Body>
smelt_status guarded(Body body) noexcept {
  try {
    last_error.clear();
    body();
    return SMELT_OK;
  } catch (const smelt::Error& error) {
    last_error = error.what();
    return status_of(error.kind());
  } catch (const std::bad_alloc&) {
    last_error = "not enough memory";
    return SMELT_IO;
  } catch (const std::exception& error) {
    last_error = error.what();
    return SMELT_INTERNAL;
  }
}

template <class Load>
smelt_model* load_model(smelt_status* status, Load load) {
  smelt_model* result = nullptr;
  const smelt_status outcome = guarded([&] {
    smelt::Model model = load();
    if (!smelt::training_form_op(model.main()).empty()) {
      smelt::run_pipeline(model, smelt::inference_pipeline());
    }
    result = new smelt_model{smelt::Program::prepare(model)};
  });
  if (status != nullptr) *status = outcome;
  return result;
}

static_assert(smelt::kDataTypeCount == SMELT_FLOAT8_E5M2 + 1);

smelt_tensor describe(const smelt::Tensor& tensor, const smelt::Shape& shape) {
  const smelt::Quantization& q = tensor.quantization;
  const bool scaled = q.scale.size() == 1;
  return {
      .name = tensor.name.c_str(),
      .type = static_cast<smelt_type>(tensor.type),
      .dims = shape.dims().data(),
      .rank = shape.rank(),
      .scale = scaled ? q.scale[0] : 0,
      .zero_point = scaled && !q.zero_point.empty() ? static_cast<int32_t>(q.zero_point[0]) : 0};
}

const smelt::Graph& graph_of(const smelt_interpreter* interpreter) {
  return interpreter->runs.program().graph();
}

void call_hook(const smelt::Interpreter& interpreter, int step, smelt_hook hook, void* user) {
  if (step < 0) return;
  const smelt::Graph& graph = interpreter.program().graph();
  const smelt::Step& done = interpreter.program().steps()[static_cast<size_t>(step)];
  const std::string op(smelt::name(graph.op(done.op).type));
  for (const smelt::TensorId id : done.outputs) {
    if (!id) continue;
    const smelt::Tensor& tensor = graph.tensor(id);
    const smelt_tensor info = describe(tensor, tensor.shape);
    const auto bytes = interpreter.tensor_bytes(id);
    hook(user, op.c_str(), &info, bytes.data(), bytes.size());
  }
}

}  // namespace

const char* smelt_last_error(void) { return last_error.c_str(); }

smelt_model* smelt_load(const char* path, smelt_status* status) {
  return load_model(status, [&] {
    if (path == nullptr) smelt::fail(ErrorKind::bad_argument, "the path is NULL");
    return smelt::load(path);
  });
}

smelt_model* smelt_load_tflite(const void* bytes, size_t size, smelt_status* status) {
  return load_model(status, [&] {
    if (bytes == nullptr) smelt::fail(ErrorKind::bad_argument, "the bytes are NULL");
    const auto* first = static_cast<const uint8_t*>(bytes);
    auto copy = std::make_shared<const std::vector<uint8_t>>(first, first + size);
    return smelt::tflite::parse(*copy, copy);
  });
}

void smelt_model_free(smelt_model* model) { delete model; }

smelt_interpreter* smelt_interpreter_new(const smelt_model* model) {
  smelt_interpreter* result = nullptr;
  guarded([&] {
    if (model == nullptr) smelt::fail(ErrorKind::bad_argument, "the model is NULL");
    result = new smelt_interpreter(model->program);
  });
  return result;
}

void smelt_interpreter_free(smelt_interpreter* interpreter) { delete interpreter; }

size_t smelt_input_count(const smelt_interpreter* interpreter) {
  return graph_of(interpreter).inputs().size();
}

size_t smelt_output_count(const smelt_interpreter* interpreter) {
  return graph_of(interpreter).outputs().size();
}

smelt_status smelt_input_info(const smelt_interpreter* interpreter, size_t index,
                              smelt_tensor* tensor) {
  return guarded([&] {
    const smelt::Graph& graph = graph_of(interpreter);
    if (index >= graph.inputs().size()) {
      smelt::fail(ErrorKind::bad_argument, "there is no input {}", index);
    }
    const smelt::Tensor& input = graph.tensor(graph.inputs()[index]);
    *tensor = describe(input, input.shape);
  });
}

smelt_status smelt_output_info(const smelt_interpreter* interpreter, size_t index,
                               smelt_tensor* tensor) {
  return guarded([&] {
    const smelt::Graph& graph = graph_of(interpreter);
    if (index >= graph.outputs().size()) {
      smelt::fail(ErrorKind::bad_argument, "there is no output {}", index);
    }
    *tensor = describe(graph.tensor(graph.outputs()[index]), interpreter->runs.output_shape(index));
  });
}

void* smelt_input(smelt_interpreter* interpreter, size_t index) {
  if (index >= smelt_input_count(interpreter)) return nullptr;
  return interpreter->runs.input_bytes(index).data();
}

size_t smelt_input_bytes(const smelt_interpreter* interpreter, size_t index) {
  if (index >= smelt_input_count(interpreter)) return 0;
  // Looking at the size changes nothing; the C++ method hands out writable memory.
  return const_cast<smelt_interpreter*>(interpreter)->runs.input_bytes(index).size();
}

const void* smelt_output(const smelt_interpreter* interpreter, size_t index) {
  if (index >= smelt_output_count(interpreter)) return nullptr;
  return interpreter->runs.output_bytes(index).data();
}

size_t smelt_output_bytes(const smelt_interpreter* interpreter, size_t index) {
  if (index >= smelt_output_count(interpreter)) return 0;
  return interpreter->runs.output_bytes(index).size();
}

smelt_status smelt_invoke(smelt_interpreter* interpreter) {
  return guarded([&] { interpreter->runs.invoke(); });
}

smelt_status smelt_reset(smelt_interpreter* interpreter) {
  return guarded([&] { interpreter->runs.reset(); });
}

void smelt_set_hook(smelt_interpreter* interpreter, smelt_hook hook, void* user) {
  if (hook == nullptr) {
    interpreter->runs.set_hook(nullptr);
    return;
  }
  interpreter->runs.set_hook([hook, user](const smelt::Interpreter& running, int step) {
    call_hook(running, step, hook, user);
  });
}
