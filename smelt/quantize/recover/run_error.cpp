#include "smelt/quantize/recover/run_error.h"

#include <algorithm>
#include <cmath>

#include "smelt/run/dataset_inputs.h"
#include "smelt/run/real_values.h"
#include "smelt/run/run_samples.h"

namespace smelt {

FloatOutputs::FloatOutputs(const Model& model, const Dataset& data, int threads)
    : data_(data), values_(run(model, threads)) {}

FloatOutputs::Values FloatOutputs::run(const Model& model, int threads) const {
  const Graph& graph = model.main();
  SampleRunOptions options{.threads = threads};
  Values values(static_cast<size_t>(data_.size()));
  run_samples(model, data_.size(), options, SampleLoader(graph, data_),
              [&](int64_t sample, const SampleOutputs& outputs) {
                std::vector<float>& all = values[static_cast<size_t>(sample)];
                for (size_t i = 0; i < outputs.count(); ++i) {
                  const Tensor& form = graph.tensor(graph.outputs()[i]);
                  const bool real = form.type == DataType::float32 || form.quantization.quantized();
                  if (!real) continue;
                  const auto count = static_cast<size_t>(outputs.shape(i).elements());
                  all.resize(all.size() + count);
                  load_real(form, outputs.bytes(i), std::span(all).last(count));
                }
              });
  return values;
}

double FloatOutputs::error_db(const Model& quantized, int threads) const {
  const Values others = run(quantized, threads);
  double signal = 0, noise = 0;
  for (size_t s = 0; s < values_.size(); ++s) {
    SMELT_CHECK(values_[s].size() == others[s].size());
    for (size_t i = 0; i < values_[s].size(); ++i) {
      const double error = static_cast<double>(values_[s][i]) - others[s][i];
      signal += static_cast<double>(values_[s][i]) * values_[s][i];
      noise += error * error;
    }
  }
  return to_db(signal, noise);
}

double to_db(double signal, double noise) {
  if (noise == 0) return kMostDb;
  if (signal == 0) return -kMostDb;
  return std::clamp(10 * std::log10(signal / noise), -kMostDb, kMostDb);
}

}  // namespace smelt
