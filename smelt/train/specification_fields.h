#pragma once

#include "smelt/train/specification.h"

namespace smelt::train {

// The settings of each section, in the order of the file: visit(key, field) for each. Reading,
// writing and setting by name follow from these lists.

template <class Visit>
void visit_keys(ModelSection& s, Visit&& visit) {
  visit("source", s.source);
  visit("input", s.input);
  visit("classes", s.classes);
  visit("width", s.width);
  visit("strides", s.strides);
  visit("units", s.units);
  visit("dropout", s.dropout);
  visit("cut", s.cut);
  visit("freeze", s.freeze);
}

template <class Visit>
void visit_keys(DataSection& s, Visit&& visit) {
  visit("train", s.train);
  visit("validation", s.validation);
  visit("validation_split", s.validation_split);
  visit("test", s.test);
  visit("range", s.preprocessing.range);
  visit("resize", s.preprocessing.resize);
  visit("mean", s.preprocessing.mean);
  visit("std", s.preprocessing.std);
  visit("channels", s.preprocessing.channels);
  visit("x_key", s.preprocessing.x_key);
  visit("y_key", s.preprocessing.y_key);
  visit("limit", s.limit);
  visit("cache_mb", s.cache_mb);
  visit("workers", s.workers);
}

template <class Visit>
void visit_keys(TrainingSection& s, Visit&& visit) {
  visit("batch", s.batch);
  visit("epochs", s.epochs);
  visit("optimizer", s.optimizer);
  visit("learning_rate", s.learning_rate);
  visit("schedule", s.schedule);
  visit("loss", s.loss);
  visit("label_smoothing", s.label_smoothing);
  visit("class_weights", s.class_weights);
  visit("huber_delta", s.huber_delta);
  visit("from_logits", s.from_logits);
  visit("monitor", s.monitor);
  visit("patience", s.patience);
  visit("min_delta", s.min_delta);
  visit("keep", s.keep);
  visit("seed", s.seed);
  visit("threads", s.threads);
}

template <class Visit>
void visit_keys(OptimizerSection& s, Visit&& visit) {
  visit("momentum", s.momentum);
  visit("nesterov", s.nesterov);
  visit("beta_1", s.beta_1);
  visit("beta_2", s.beta_2);
  visit("rho", s.rho);
  visit("centered", s.centered);
  visit("epsilon", s.epsilon);
  visit("weight_decay", s.weight_decay);
  visit("l2", s.l2);
  visit("decay_kernels_only", s.decay_kernels_only);
  visit("clip_norm", s.clip_norm);
  visit("global_clip_norm", s.global_clip_norm);
  visit("clip_value", s.clip_value);
}

template <class Visit>
void visit_keys(ScheduleSection& s, Visit&& visit) {
  visit("warmup_epochs", s.warmup_epochs);
  visit("warmup_from", s.warmup_from);
  visit("decay_epochs", s.decay_epochs);
  visit("alpha", s.alpha);
  visit("decay_rate", s.decay_rate);
  visit("staircase", s.staircase);
  visit("boundaries", s.boundaries);
  visit("values", s.values);
  visit("factor", s.factor);
  visit("patience", s.patience);
  visit("min_delta", s.min_delta);
  visit("cooldown", s.cooldown);
  visit("min_learning_rate", s.min_learning_rate);
}

template <class Visit>
void visit_keys(AugmentSettings& s, Visit&& visit) {
  visit("flip", s.flip);
  visit("rotation", s.rotation);
  visit("zoom", s.zoom);
  visit("translation", s.translation);
  visit("crop", s.crop);
  visit("brightness", s.brightness);
  visit("contrast", s.contrast);
  visit("cutout", s.cutout);
  visit("fill", s.fill);
  visit("fill_value", s.fill_value);
}

template <class Visit>
void visit_keys(QatSection& s, Visit&& visit) {
  visit("enabled", s.enabled);
  visit("scheme", s.scheme);
  visit("calibration_samples", s.calibration_samples);
  visit("calibrate", s.calibrate);
  visit("freeze_norms", s.freeze_norms);
}

template <class Visit>
void visit_keys(PruneSection& s, Visit&& visit) {
  visit("sparsity", s.sparsity);
  visit("schedule", s.schedule);
  visit("initial_sparsity", s.initial_sparsity);
  visit("begin_epoch", s.begin_epoch);
  visit("end_epoch", s.end_epoch);
  visit("power", s.power);
  visit("frequency", s.frequency);
  visit("block", s.block);
  visit("pooling", s.pooling);
  visit("pattern", s.pattern);
  visit("global", s.global);
  visit("overrides", s.overrides);
  visit("channels", s.channels);
  visit("channel_norm", s.channel_norm);
  visit("channels_multiple_of", s.channels_multiple_of);
  visit("keep", s.keep);
  visit("depthwise", s.depthwise);
}

template <class Visit>
void visit_keys(ClusterSection& s, Visit&& visit) {
  visit("clusters", s.clusters);
  visit("begin_epoch", s.begin_epoch);
  visit("init", s.init);
  visit("kmeans_steps", s.kmeans_steps);
  visit("keep_zeros", s.keep_zeros);
  visit("per_channel", s.per_channel);
  visit("aggregation", s.aggregation);
  visit("keep", s.keep);
  visit("reassign", s.reassign);
  visit("skip", s.skip);
  visit("depthwise", s.depthwise);
}

template <class Visit>
void visit_keys(DistillSection& s, Visit&& visit) {
  visit("teacher", s.teacher);
  visit("temperature", s.temperature);
  visit("alpha", s.alpha);
  visit("features", s.features);
  visit("feature_weight", s.feature_weight);
}

template <class Visit>
void visit_keys(OutputSection& s, Visit&& visit) {
  visit("run", s.run);
  visit("model", s.model);
  visit("quantize", s.quantize);
  visit("calibration_samples", s.calibration_samples);
  visit("checkpoint_steps", s.checkpoint_steps);
  visit("plots", s.plots);
  visit("tensorboard", s.tensorboard);
  visit("histograms", s.histograms);
}

/// Calls visit(section, key, field) for every setting.
template <class Visit>
void visit_fields(Specification& s, Visit&& visit) {
  const auto section = [&](std::string_view name, auto& fields) {
    visit_keys(fields, [&](std::string_view key, auto& field) { visit(name, key, field); });
  };
  section("model", s.model);
  section("data", s.data);
  section("training", s.training);
  section("optimizer", s.optimizer);
  section("schedule", s.schedule);
  section("augment", s.augment);
  section("qat", s.qat);
  section("prune", s.prune);
  section("cluster", s.cluster);
  section("distill", s.distill);
  section("output", s.output);
}

}  // namespace smelt::train
