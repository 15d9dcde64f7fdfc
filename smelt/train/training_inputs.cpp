#include "smelt/data/open_dataset.h"
#include "smelt/data/select.h"
#include "smelt/formats/formats.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/train/architectures/architecture.h"
#include "smelt/train/architectures/head.h"
#include "smelt/train/training_parts.h"

namespace smelt::train {
namespace {

/// "32x32x3"
std::string shape_text(const Shape& shape) {
  return fmt::format("{}", fmt::join(shape.dims(), "x"));
}

/// Classes, or values of a target.
int32_t classes_of(const Dataset& dataset) {
  if (dataset.has_labels()) return dataset.class_count();
  if (dataset.has_targets()) return static_cast<int32_t>(dataset.target_shape().elements());
  fail(ErrorKind::bad_argument,
       "{} has neither labels nor targets; say how many outputs the model has with --classes",
       dataset.description());
}

/// The model as its file says, or, where that leaves sizes open, with those of the data.
Model load_for(const std::string& path, const Dataset& dataset) {
  try {
    return load(path);
  } catch (const Error&) {
    LoadOptions options;
    for (int i = 0; i < dataset.inputs(); ++i) {
      options.input_shapes.push_back(dataset.input_shape(i));
    }
    return load(path, options);
  }
}

Model open_file(const Specification& specification, const Dataset& dataset) {
  const ModelSection& model = specification.model;
  Model loaded;
  if (model.input.empty()) {
    loaded = load_for(model.source, dataset);
  } else {
    const Shape shape = parse_sample_shape(model.input);
    loaded = with_input_shape(load(model.source, {.input_shapes = {shape}}), shape);
  }
  if (!model.strides.empty()) {
    loaded = with_strides(loaded, {model.strides.begin(), model.strides.end()});
  }
  if (model.cut.empty()) return loaded;
  return with_new_head(loaded, {.cut = model.cut,
                                .classes = model.classes,
                                .dropout = model.dropout.value_or(0.2),
                                .seed = static_cast<uint64_t>(specification.training.seed)});
}

}  // namespace

TrainingData open_training_data(const DataSection& data, uint64_t seed) {
  const DatasetOptions options = parse_dataset_options(data.preprocessing);
  const auto open = [&](const std::string& spec) {
    return spec.empty() ? nullptr : open_dataset(spec, options);
  };
  TrainingData opened{.train = open(data.train), .validation = open(data.validation)};
  if (data.limit > 0) opened.train = select(opened.train, data.limit, seed);
  if (data.validation_split > 0) {
    DatasetSplit parts = split(opened.train, data.validation_split, seed);
    opened.train = std::move(parts.kept);
    opened.validation = std::move(parts.held_out);
  }
  opened.test = data.test.empty() ? opened.validation : open(data.test);
  return opened;
}

Model open_training_model(Specification& specification, const TrainingData& data) {
  ModelSection& section = specification.model;
  const bool fresh = is_architecture(section.source);
  if (fresh && !section.cut.empty()) {
    fail(ErrorKind::bad_argument, "--cut is for models from files; {} has its own last layer",
         section.source);
  }
  if (section.classes == 0 && (fresh || !section.cut.empty())) {
    section.classes = classes_of(*data.train);
  }
  Model model;
  if (fresh) {
    if (section.input.empty()) section.input = shape_text(data.train->input_shape(0));
    model = make_architecture(section.source,
                              {.input = parse_sample_shape(section.input),
                               .classes = section.classes,
                               .width = section.width,
                               .strides = {section.strides.begin(), section.strides.end()},
                               .units = {section.units.begin(), section.units.end()},
                               .dropout = section.dropout,
                               .seed = static_cast<uint64_t>(specification.training.seed)});
  } else {
    model = open_file(specification, *data.train);
  }
  if (specification.prune.channels > 0) {
    model = compress::remove_channels(model, channel_settings(specification.prune)).model;
  }
  for (const DatasetPtr& each : {data.train, data.validation, data.test}) {
    if (each != nullptr) check_inputs(model.main(), *each);
  }
  return model;
}

}  // namespace smelt::train
