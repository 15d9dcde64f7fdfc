#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace smelt::train {

/// Calls visit(name, values) for everything that a checkpoint must hold; values may be replaced by
/// others of the same number.
using StateVisitor = std::function<void(const std::string& name, std::vector<float>& values)>;

/// Something that parameters must keep to while they are trained: sparsity, shared weights. The
/// trainer calls it around every step; it holds pointers into the module's parameters.
class Constraint {
 public:
  virtual ~Constraint() = default;

  /// Before the forward pass of optimizer step `step` (from 0).
  virtual void before_forward(int64_t /*step*/) {}
  /// Behind backward: may change gradients.
  virtual void after_backward(int64_t /*step*/) {}
  /// Behind the optimizer's update: brings the parameters back to what is asked.
  virtual void after_update(int64_t /*step*/) {}

  /// For metrics: calls visit("sparsity/conv1/kernel", 0.5).
  virtual void report(const std::function<void(const std::string&, double)>& /*visit*/) const {}

  virtual void visit_state(const StateVisitor& /*visit*/) {}
};

}  // namespace smelt::train
