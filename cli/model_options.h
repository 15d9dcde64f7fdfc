#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "smelt/data/open_dataset.h"
#include "smelt/ir/model.h"
#include "smelt/kernels/kernel.h"
#include "smelt/passes/pipeline.h"

namespace smelt::cli {

/// MODEL and how to read it.
struct ModelOptions {
  std::string path;
  std::vector<std::string> input_shapes;
  std::string rnn = "fused";
  std::string weights, config, member;
  bool ignore_custom = false;
  std::string signature = {};
  std::string tag_set = {};
};

void add_model(CLI::App& command, ModelOptions& options);
/// --rnn, of commands that bring the model into the form that runs.
void add_recurrent_form(CLI::App& command, ModelOptions& options);

/// The model as the file holds it (Keras models in training form).
Model load_model(const ModelOptions& options);
/// How the passes lower it, as the flags say.
PipelineOptions pipeline_options(const ModelOptions& options);
/// The model in the form that runs.
Model load_for_inference(const ModelOptions& options);

/// --numerics: whose rounding integer ops follow.
void add_numerics(CLI::App& command, std::string& option);
Numerics parse_numerics(const std::string& option);

/// How samples become what the model was trained on.
using DataOptions = DatasetText;

void add_preprocessing(CLI::App& command, DataOptions& options);
DatasetPtr open_data(const std::string& spec, const DataOptions& options);

/// "2%" or "0.02"; bad_argument otherwise.
double parse_share(const std::string& flag, const std::string& text);

}  // namespace smelt::cli
