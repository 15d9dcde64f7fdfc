#include "smelt/quantize/recover/recover.h"

#include <algorithm>

#include "smelt/base/parallel.h"
#include "smelt/data/select.h"
#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/recover/layer_recovery.h"
#include "smelt/quantize/recover/run_error.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/run/real_values.h"

namespace smelt {
namespace {

/// How many ops still read each tensor; outputs of the model are read by its caller.
std::map<TensorId, int> readers_of(const Graph& graph) {
  std::map<TensorId, int> readers;
  for (const OpId id : graph.ops()) {
    for (const TensorId input : graph.op(id).inputs) {
      if (input && !graph.tensor(input).is_constant) ++readers[input];
    }
  }
  for (const TensorId output : graph.outputs()) ++readers[output];
  return readers;
}

/// Bytes that the float activations of one sample take where there are most of them.
int64_t peak_bytes(const Graph& graph) {
  std::map<TensorId, int> readers = readers_of(graph);
  int64_t live = 0, peak = 1;
  const auto bytes = [&](TensorId id) { return graph.tensor(id).shape.elements() * 4; };
  for (const TensorId id : graph.inputs()) live += bytes(id);
  for (const OpId id : graph.ops()) {
    for (const TensorId output : graph.op(id).outputs) live += output ? bytes(output) : 0;
    peak = std::max(peak, live);
    for (const TensorId input : graph.op(id).inputs) {
      if (!input || graph.tensor(input).is_constant) continue;
      if (--readers[input] == 0) live -= bytes(input);
    }
  }
  return peak;
}

int64_t affordable_samples(const Graph& graph, int64_t wanted) {
  constexpr int64_t kMost = int64_t{1} << 30;
  constexpr int64_t kLeast = 8;
  constexpr int64_t kCopies = 3;  // float, quantized plainly, quantized and recovered
  return std::min(wanted, std::max(kLeast, kMost / (kCopies * peak_bytes(graph))));
}

void require_values_only(const Graph& graph) {
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.type != DataType::resource && tensor.type != DataType::variant) continue;
    fail(ErrorKind::unsupported,
         "recovery runs layers one by one, and {} is a {} that several share; quantize without "
         "--recover",
         describe(graph, id), name(tensor.type));
  }
}

class Recovery {
 public:
  Recovery(const Model& model, QuantPlan& plan, const Dataset& data, const RecoverOptions& options)
      : model_(model),
        graph_(model.main()),
        plan_(plan),
        before_(plan),
        options_(options),
        split_(split_samples(data.size())),
        readers_(readers_of(graph_)),
        floats_(data.size()),
        plain_(data.size()),
        recovered_(data.size()) {
    if (options_.threads <= 0) options_.threads = available_threads();
    load_inputs(data);
  }

  std::vector<RecoveryReport> run() {
    const auto count = static_cast<int64_t>(graph_.op_count());
    int64_t done = 0;
    for (const OpId id : graph_.ops()) {
      if (options_.progress && !options_.progress("recovering", done++, count)) {
        fail(ErrorKind::io, "interrupted");
      }
      with_context([&] { return describe(graph_, id); }, [&] { treat(id); });
    }
    if (options_.progress) options_.progress("recovering", count, count);
    report_outputs();
    return std::move(reports_);
  }

 private:
  void load_inputs(const Dataset& data) {
    for (size_t i = 0; i < graph_.inputs().size(); ++i) {
      const TensorId id = graph_.inputs()[i];
      const Tensor &floats = graph_.tensor(id), form = form_in(plan_, graph_, id);
      const auto size = static_cast<size_t>(floats.shape.elements());
      floats_.reserve(id, static_cast<size_t>(storage_bytes(floats.type, floats.shape.elements())));
      plain_.reserve(id, static_cast<size_t>(storage_bytes(form.type, floats.shape.elements())));
      recovered_.reserve(id,
                         static_cast<size_t>(storage_bytes(form.type, floats.shape.elements())));
      parallel_for(data.size(), options_.threads, [&](int, int64_t sample) {
        std::vector<float> values(size);
        data.read(sample, static_cast<int>(i), values);
        store_real(floats, values, floats_.sample(id, sample));
        store_real(form, values, plain_.sample(id, sample));
        store_real(form, values, recovered_.sample(id, sample));
      });
    }
  }

  double error_db(const Activations& activations, TensorId id) const {
    return sqnr_db(floats_, graph_.tensor(id), activations, form_in(plan_, graph_, id), id,
                   split_.held_out);
  }

  void treat(OpId id) {
    const Model one = cut_out(model_, id);
    const QuantPlan plan = plan_for(plan_, one.main());
    run_op(one, floats_, options_.threads);
    run_op(apply(one, plan), plain_, options_.threads);
    LayerRecovery layer(one, plan, floats_, recovered_, split_, options_, shares_weights(id));
    if (layer.applicable()) {
      const TensorId result = graph_.op(id).output();
      RecoveryReport report{.op = id, .name = plan.ops.at(id).name};
      report.steps = layer.run();
      report.before_db = error_db(plain_, result);
      report.after_db = error_db(recovered_, result);
      reports_.push_back(std::move(report));
      plan_.ops[id] = layer.plan();
    } else {
      run_op(apply(one, plan), recovered_, options_.threads);
    }
    drop_read(id);
  }

  bool shares_weights(OpId id) const {
    const int weights = op_def(graph_.op(id).type).quantization.weight;
    if (weights < 0) return false;
    const TensorId operand = graph_.op(id).input(static_cast<size_t>(weights));
    return operand && graph_.consumers(operand).size() > 1;
  }

  void drop_read(OpId id) {
    for (const TensorId input : graph_.op(id).inputs) {
      if (!input || graph_.tensor(input).is_constant || --readers_[input] > 0) continue;
      for (Activations* activations : {&floats_, &plain_, &recovered_}) activations->drop(input);
    }
  }

  void report_outputs() {
    double gain = 0;
    for (const TensorId id : graph_.outputs()) {
      if (graph_.tensor(id).type != DataType::float32 || graph_.tensor(id).is_constant) continue;
      reports_.push_back({.name = fmt::format("output {}", graph_.tensor(id).name),
                          .before_db = error_db(plain_, id),
                          .after_db = error_db(recovered_, id)});
      gain += reports_.back().after_db - reports_.back().before_db;
    }
    if (gain < 0) undo();
  }

  /// Layers that gained may still do harm together.
  void undo() {
    plan_ = std::move(before_);
    for (RecoveryReport& report : reports_) {
      report.after_db = report.before_db;
      for (RecoveryStep& step : report.steps) step.kept = false;
    }
  }

  const Model& model_;
  const Graph& graph_;
  QuantPlan& plan_;
  QuantPlan before_;
  RecoverOptions options_;
  SampleSplit split_;
  std::map<TensorId, int> readers_;
  Activations floats_, plain_, recovered_;
  std::vector<RecoveryReport> reports_;
};

}  // namespace

SampleSplit split_samples(int64_t count) {
  SampleSplit split;
  for (int64_t i = 0; i < count; ++i) {
    if (count < 8 || i % 4 != 3) split.fitted.push_back(i);
    if (count < 8 || i % 4 == 3) split.held_out.push_back(i);
  }
  return split;
}

double sqnr_db(const Activations& floats, const Tensor& float_form, const Activations& quantized,
               const Tensor& form, TensorId id, const std::vector<int64_t>& samples) {
  double signal = 0, noise = 0;
  std::vector<float> f, q;
  for (const int64_t sample : samples) {
    load_sample(floats, float_form, sample, id, f);
    load_sample(quantized, form, sample, id, q);
    for (size_t i = 0; i < f.size(); ++i) {
      const double error = static_cast<double>(f[i]) - q[i];
      signal += static_cast<double>(f[i]) * f[i];
      noise += error * error;
    }
  }
  return to_db(signal, noise);
}

std::vector<RecoveryReport> recover(const Model& float_model, QuantPlan& plan,
                                    const DatasetPtr& data, const RecoverOptions& options) {
  if (!options.layers()) return {};
  const Graph& graph = float_model.main();
  check_inputs(graph, *data);
  require_values_only(graph);
  const DatasetPtr chosen = select(data, affordable_samples(graph, options.samples), options.seed);
  return Recovery(float_model, plan, *chosen, options).run();
}

}  // namespace smelt
