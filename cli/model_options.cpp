#include "model_options.h"

#include <charconv>

#include "smelt/formats/formats.h"

namespace smelt::cli {
void add_model(CLI::App& command, ModelOptions& options) {
  command
      .add_option("MODEL", options.path,
                  "Model: .tflite, Keras .h5 or .keras, a SavedModel folder, a frozen graph .pb, "
                  "TensorFlow.js model.json, or an archive with one of them")
      ->required();
  command
      .add_option("--input-shape", options.input_shapes,
                  "Shape of an input whose axes the file leaves open, such as 32x32x3; once for "
                  "each input")
      ->type_name("SHAPE");
  const std::string group = "Keras models and archives";
  command
      .add_option("--weights", options.weights,
                  "File with the weights, where MODEL holds only layers")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--config", options.config,
                  "File with the layers (config.json, or another file of the model), where MODEL "
                  "holds only weights")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--member", options.member, "Member of an archive (its .tflite, then its .h5)")
      ->type_name("NAME")
      ->group(group);
  command
      .add_flag(
          "--ignore-custom", options.ignore_custom,
          "Keep layers of unknown classes as custom ops, which no runtime can run as they are")
      ->group(group);
  command
      .add_option("--signature", options.signature,
                  "Signature of a SavedModel to take; serving_default unless given")
      ->type_name("NAME");
  command
      .add_option("--tag-set", options.tag_set,
                  "Tags of the graph of a SavedModel to take, such as serve,gpu")
      ->type_name("TAGS");
}

void add_recurrent_form(CLI::App& command, ModelOptions& options) {
  command
      .add_option(
          "--rnn", options.rnn,
          "What recurrent layers become: fused LSTM ops where they can (else unrolled while "
          "they are short, else a loop), unrolled steps, or WHILE loops")
      ->capture_default_str()
      ->check(CLI::IsMember({"fused", "unroll", "while"}))
      ->type_name("FORM");
}

void add_numerics(CLI::App& command, std::string& option) {
  option = "reference";
  command
      .add_option("--numerics", option,
                  "Whose bytes integer ops give: TFLite Micro's (reference), or those of LiteRT's "
                  "default engine on phones and desktops (litert)")
      ->capture_default_str()
      ->check(CLI::IsMember({"reference", "litert"}))
      ->type_name("ENGINE");
}

Numerics parse_numerics(const std::string& option) {
  return option == "litert" ? Numerics::litert : Numerics::reference;
}

Model load_model(const ModelOptions& options) {
  LoadOptions load_options;
  for (const std::string& text : options.input_shapes) {
    load_options.input_shapes.push_back(
        with_context([&] { return "--input-shape"; }, [&] { return parse_sample_shape(text); }));
  }
  load_options.weights = options.weights;
  load_options.config = options.config;
  load_options.member = options.member;
  load_options.ignore_custom = options.ignore_custom;
  load_options.signature = options.signature;
  load_options.tag_set = options.tag_set;
  return load(options.path, load_options);
}

PipelineOptions pipeline_options(const ModelOptions& options) {
  PipelineOptions pipeline;
  for (const RecurrentForm form :
       {RecurrentForm::fused, RecurrentForm::unroll, RecurrentForm::while_op}) {
    if (options.rnn == name(form)) pipeline.recurrent = form;
  }
  return pipeline;
}

Model load_for_inference(const ModelOptions& options) {
  Model model = load_model(options);
  if (model.source.format == "tflite") return model;  // runs as it is, byte for byte
  with_context([&] { return "while preparing " + options.path; },
               [&] { run_pipeline(model, inference_pipeline(), pipeline_options(options)); });
  return model;
}

void add_preprocessing(CLI::App& command, DataOptions& options) {
  const std::string group = "Preprocessing (in this order; nothing is done unless asked for)";
  auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    command.add_option(name, value, help)->type_name(type)->group(group);
  };
  add("--channels", options.channels, "Convert images to 1 or 3 channels", "N");
  add("--resize", options.resize, "Resize images to HEIGHTxWIDTH, bilinear", "HxW");
  add("--range", options.range, "Map pixels 0..255 to 0..255, 0..1 or -1..1", "LOW..HIGH");
  add("--mean", options.mean, "Subtract a mean, one for all or one per channel: 0.4,0.5,0.4", "X");
  add("--std", options.std, "Divide by a standard deviation, likewise", "X");
  add("--x-key", options.x_key, "Key of the samples in an .npz file (x)", "KEY");
  add("--y-key", options.y_key, "Key of the labels in an .npz file (y)", "KEY");
}

DatasetPtr open_data(const std::string& spec, const DataOptions& options) {
  return open_dataset(spec, parse_dataset_options(options));
}

double parse_share(const std::string& flag, const std::string& text) {
  const bool percent = text.ends_with('%');
  const char* end = text.data() + text.size() - (percent ? 1 : 0);
  double value = 0;
  const auto [next, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || next != end || !(value >= 0)) {
    fail(ErrorKind::bad_argument, "{} {}: expected a share such as 2% or 0.02", flag, text);
  }
  return percent ? value / 100 : value;
}

}  // namespace smelt::cli
