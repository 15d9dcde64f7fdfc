#include "smelt/data/select.h"
#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/observe.h"
#include "smelt/run/dataset_inputs.h"

namespace smelt {

std::map<TensorId, TensorStats> input_stats(const Model& model, const DatasetPtr& data,
                                            int64_t samples) {
  check_inputs(model.main(), *data);
  const DatasetPtr chosen = select(data, samples, 0);
  std::map<TensorId, TensorStats> stats;
  std::vector<float> values;
  for (int i = 0; i < chosen->inputs(); ++i) {
    const TensorId id = model.main().inputs()[static_cast<size_t>(i)];
    if (model.main().tensor(id).type != DataType::float32) continue;
    values.resize(static_cast<size_t>(chosen->input_shape(i).elements()));
    for (int64_t sample = 0; sample < chosen->size(); ++sample) {
      chosen->read(sample, i, values);
      if (observe(values, stats[id])) stats[id].histogram.add(values);
    }
  }
  return stats;
}

}  // namespace smelt
