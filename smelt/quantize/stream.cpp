#include "smelt/quantize/stream.h"

namespace smelt {

bool reads_stream(const Graph& graph) {
  for (const OpId id : graph.ops()) {
    if (graph.op(id).type == OpType::svdf) return true;
  }
  return false;
}

void run_stream(std::shared_ptr<const Program> program, int64_t count,
                const SampleRunOptions& options, const LoadSample& load) {
  SMELT_CHECK(program->options().batch == 1);
  Interpreter interpreter(std::move(program));
  int64_t sample = 0;
  if (options.hook) {
    interpreter.set_hook([&](const Interpreter& running, int step) {
      options.hook({running, step, 0, sample, 1});
    });
  }
  for (; sample < count; ++sample) {
    with_context([&] { return fmt::format("sample {}", sample); },
                 [&] { load(sample, SampleInputs(interpreter, 0)); });
    interpreter.invoke();
    if (options.progress && !options.progress(options.stage, sample + 1, count)) {
      fail(ErrorKind::io, "interrupted");
    }
  }
}

}  // namespace smelt
