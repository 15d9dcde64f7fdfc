#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "smelt/ir/shape.h"

namespace smelt {

/// Samples to calibrate with or to measure on. A data set does not change, gives the same values
/// every time, and may be read from several threads at once; samples are read when they are asked
/// for, and none is kept. Wrappers (preprocess.h, select.h) share the data set that they wrap.
///
/// A sample has one or more inputs (float arrays, the batch axis left out) and, where the source
/// has them, a label (a class index) or a target (a float array: regression). Sample and input
/// numbers must be in range; a number out of range is a bug of the caller.
class Dataset {
 public:
  virtual ~Dataset() = default;

  /// The number of samples; at least 1.
  virtual int64_t size() const = 0;

  virtual int inputs() const { return 1; }

  /// The shape of one sample: images [H,W,C].
  virtual Shape input_shape(int input) const = 0;

  /// True where the values are pixels as stored, whole numbers from 0 to 255.
  virtual bool holds_pixels(int /*input*/) const { return false; }

  /// Writes the values of one input; into.size() must be input_shape(input).elements(). An Error
  /// names the file where it is damaged, or where this sample's size is not input_shape (image
  /// folders).
  virtual void read(int64_t sample, int input, std::span<float> into) const = 0;

  /// The same for samples of any size: resizes `values` and returns the sample's shape. What a
  /// resize (preprocess.h) reads through.
  virtual Shape load(int64_t sample, int input, std::vector<float>& values) const;

  /// Either, none, or (never) both of labels and targets.
  virtual bool has_labels() const { return false; }
  virtual bool has_targets() const { return false; }

  /// The class index of a sample, at least 0. Cheap: nothing is read.
  virtual int32_t label(int64_t sample) const;

  /// The number of classes: of class names, or the largest label + 1; 0 without labels. Samples
  /// chosen from a data set keep its number.
  virtual int32_t class_count() const { return 0; }

  /// One per class, or empty where the source has no names.
  virtual std::vector<std::string> class_names() const { return {}; }

  virtual Shape target_shape() const;

  /// Writes the target of a sample; into.size() must be target_shape().elements().
  virtual void read_target(int64_t sample, std::span<float> into) const;

  /// For people: "test.npz: 10000 samples of uint8 [32, 32, 3], 10 classes".
  virtual std::string description() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Passes everything on to another data set; wrappers override what they change.
class DatasetWrapper : public Dataset {
 public:
  explicit DatasetWrapper(DatasetPtr inner) : inner_(std::move(inner)) {}

  int64_t size() const override { return inner_->size(); }
  int inputs() const override { return inner_->inputs(); }
  Shape input_shape(int input) const override { return inner_->input_shape(input); }
  bool holds_pixels(int input) const override { return inner_->holds_pixels(input); }
  void read(int64_t sample, int input, std::span<float> into) const override {
    inner_->read(sample, input, into);
  }
  Shape load(int64_t sample, int input, std::vector<float>& values) const override {
    return inner_->load(sample, input, values);
  }
  bool has_labels() const override { return inner_->has_labels(); }
  bool has_targets() const override { return inner_->has_targets(); }
  int32_t label(int64_t sample) const override { return inner_->label(sample); }
  int32_t class_count() const override { return inner_->class_count(); }
  std::vector<std::string> class_names() const override { return inner_->class_names(); }
  Shape target_shape() const override { return inner_->target_shape(); }
  void read_target(int64_t sample, std::span<float> into) const override {
    inner_->read_target(sample, into);
  }
  std::string description() const override { return inner_->description(); }

 protected:
  const Dataset& inner() const { return *inner_; }

 private:
  DatasetPtr inner_;
};

}  // namespace smelt
