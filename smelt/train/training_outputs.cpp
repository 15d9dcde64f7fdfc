#include "smelt/base/file.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/quantize.h"
#include "smelt/train/training_parts.h"

namespace smelt::train {
namespace {

/// Where a model of a scheme goes: into the run folder and, the wanted one, to the output file.
std::vector<std::string> paths_of(const OutputSection& output, const std::string& file,
                                  bool wanted) {
  std::vector<std::string> paths;
  if (!output.run.empty()) paths.push_back((std::filesystem::path(output.run) / file).string());
  if (wanted && !output.model.empty()) paths.push_back(output.model);
  return paths;
}

WrittenModel written(const std::string& path, std::string scheme, const TrainingData& data,
                     const Specification& specification, const TrainingCallbacks& callbacks) {
  const Model model = tflite::load(path);
  WrittenModel result{.path = path, .scheme = std::move(scheme)};
  const auto file = MappedFile::open(path);
  result.bytes = static_cast<int64_t>(file->bytes().size());
  result.gzip_bytes = compress::gzip_size(file->bytes());
  result.kernels = compress::total(compress::kernel_statistics(model.main()));
  if (data.test != nullptr) {
    result.evaluation =
        evaluate(model, *data.test,
                 {.threads = specification.training.threads, .progress = callbacks.stage});
  }
  return result;
}

/// Post-training quantization, calibrated on what the model was trained on.
Model quantized(const Model& trained, const TrainingData& data, const Specification& specification,
                const TrainingCallbacks& callbacks) {
  const QuantizeOptions options{
      .calibrate = {.samples = specification.output.calibration_samples,
                    .seed = static_cast<uint64_t>(specification.training.seed),
                    .threads = specification.training.threads,
                    .progress = callbacks.stage},
      .recipe = scheme(specification.output.quantize)};
  return quantize(trained, data.train, options).model;
}

}  // namespace

std::vector<WrittenModel> write_models(const Model& trained, const TrainingData& data,
                                       const Specification& specification,
                                       const QuantizationAware* qat,
                                       const TrainingCallbacks& callbacks) {
  const OutputSection& output = specification.output;
  std::vector<WrittenModel> models;
  const auto save = [&](const Model& model, const std::string& file, const std::string& scheme,
                        bool wanted) {
    const std::vector<std::string> paths = paths_of(output, file, wanted);
    for (const std::string& path : paths) tflite::save(model, path, {.source_metadata = false});
    if (paths.empty()) return;
    models.push_back(written(paths.back(), scheme, data, specification, callbacks));
  };
  const std::string wanted = qat != nullptr ? specification.qat.scheme : output.quantize;
  const bool quantizes = !wanted.empty();
  Model floats = trained;
  if (!training_form_op(floats.main()).empty()) run_pipeline(floats, inference_pipeline());
  save(floats, "model.tflite", "float32", !quantizes);
  if (quantizes) {
    save(qat != nullptr ? qat->quantized(trained)
                        : quantized(trained, data, specification, callbacks),
         fmt::format("model_{}.tflite", wanted), wanted, true);
  }
  return models;
}

}  // namespace smelt::train
