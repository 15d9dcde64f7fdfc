#include "smelt/ir/graph.h"

#include <algorithm>

namespace smelt {

Graph::TensorSlot& Graph::slot(TensorId id) {
  SMELT_CHECK(contains(id));
  return tensors_[static_cast<size_t>(id.value)];
}

const Graph::TensorSlot& Graph::slot(TensorId id) const {
  SMELT_CHECK(contains(id));
  return tensors_[static_cast<size_t>(id.value)];
}

Graph::OpSlot& Graph::slot(OpId id) {
  SMELT_CHECK(contains(id));
  return ops_[static_cast<size_t>(id.value)];
}

const Graph::OpSlot& Graph::slot(OpId id) const {
  SMELT_CHECK(contains(id));
  return ops_[static_cast<size_t>(id.value)];
}

bool Graph::contains(TensorId id) const {
  return id.value >= 0 && static_cast<size_t>(id.value) < tensors_.size() &&
         tensors_[static_cast<size_t>(id.value)].alive;
}

bool Graph::contains(OpId id) const {
  return id.value >= 0 && static_cast<size_t>(id.value) < ops_.size() &&
         ops_[static_cast<size_t>(id.value)].alive;
}

const Tensor& Graph::tensor(TensorId id) const { return slot(id).tensor; }
Tensor& Graph::tensor(TensorId id) { return slot(id).tensor; }
const Op& Graph::op(OpId id) const { return slot(id).op; }

std::vector<TensorId> Graph::tensors() const {
  std::vector<TensorId> ids;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].alive) ids.push_back({static_cast<int32_t>(i)});
  }
  return ids;
}

bool Graph::is_input(TensorId id) const {
  return std::find(inputs_.begin(), inputs_.end(), id) != inputs_.end();
}

bool Graph::is_output(TensorId id) const {
  return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end();
}

OpId Graph::producer(TensorId id) const { return slot(id).producer; }
const std::vector<OpId>& Graph::consumers(TensorId id) const { return slot(id).consumers; }

const Tensor* Graph::constant_input(const Op& op, size_t index) const {
  const TensorId id = op.input(index);
  if (!id || !tensor(id).is_constant) return nullptr;
  return &tensor(id);
}

TensorId Graph::add_tensor(Tensor tensor) {
  tensors_.push_back({.tensor = std::move(tensor)});
  return {static_cast<int32_t>(tensors_.size() - 1)};
}

OpId Graph::add_op(Op op) { return insert(order_.size(), std::move(op)); }

OpId Graph::insert_before(OpId position, Op op) {
  return insert(position_of(position), std::move(op));
}

OpId Graph::insert_after(OpId position, Op op) {
  return insert(position_of(position) + 1, std::move(op));
}

OpId Graph::insert(size_t position, Op op) {
  const OpId id{static_cast<int32_t>(ops_.size())};
  ops_.push_back({.op = std::move(op)});
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(position), id);
  const Op& added = ops_.back().op;
  for (const TensorId input : added.inputs) link_input(id, input);
  for (const TensorId output : added.outputs) link_output(id, output);
  return id;
}

size_t Graph::position_of(OpId id) const {
  const auto found = std::find(order_.begin(), order_.end(), id);
  SMELT_CHECK(found != order_.end());
  return static_cast<size_t>(found - order_.begin());
}

void Graph::erase(OpId id) {
  const Op op = slot(id).op;
  for (const TensorId input : op.inputs) unlink_input(id, input);
  for (const TensorId output : op.outputs) unlink_output(id, output);
  order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(position_of(id)));
  slot(id) = {.alive = false};
}

void Graph::erase(TensorId id) {
  SMELT_CHECK(!producer(id) && consumers(id).empty() && !is_input(id) && !is_output(id));
  slot(id) = {.alive = false};
}

int Graph::erase_unused_tensors() {
  std::vector<bool> used(tensors_.size(), false);
  auto mark = [&](const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) {
      if (id) used[static_cast<size_t>(id.value)] = true;
    }
  };
  mark(inputs_);
  mark(outputs_);
  for (const OpId id : order_) {
    mark(op(id).inputs);
    mark(op(id).outputs);
    mark(op(id).intermediates);
  }
  for (const TensorSlot& slot : tensors_) {
    if (const auto* blocks = std::get_if<BlockwiseScales>(&slot.tensor.quantization.details)) {
      mark({blocks->scales, blocks->zero_points});
    }
  }
  int erased = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (used[i] || !tensors_[i].alive) continue;
    tensors_[i] = {.alive = false};
    ++erased;
  }
  return erased;
}

void Graph::replace_uses(TensorId from, TensorId to) {
  const std::vector<OpId> readers = consumers(from);
  for (const OpId reader : readers) {
    for (size_t i = 0; i < op(reader).inputs.size(); ++i) {
      if (op(reader).inputs[i] == from) set_op_input(reader, i, to);
    }
  }
  std::replace(outputs_.begin(), outputs_.end(), from, to);
}

void Graph::set_op_input(OpId id, size_t index, TensorId tensor) {
  TensorId& operand = slot(id).op.inputs.at(index);
  unlink_input(id, operand);
  operand = tensor;
  link_input(id, operand);
}

void Graph::set_op_output(OpId id, size_t index, TensorId tensor) {
  TensorId& result = slot(id).op.outputs.at(index);
  unlink_output(id, result);
  result = tensor;
  link_output(id, result);
}

void Graph::set_op_inputs(OpId id, std::vector<TensorId> inputs) {
  for (const TensorId input : op(id).inputs) unlink_input(id, input);
  slot(id).op.inputs = std::move(inputs);
  for (const TensorId input : op(id).inputs) link_input(id, input);
}

void Graph::set_op_outputs(OpId id, std::vector<TensorId> outputs) {
  for (const TensorId output : op(id).outputs) unlink_output(id, output);
  slot(id).op.outputs = std::move(outputs);
  for (const TensorId output : op(id).outputs) link_output(id, output);
}

void Graph::set_op_kind(OpId id, OpType type, Attributes attributes) {
  SMELT_CHECK(attributes_fit(type, attributes));
  slot(id).op.type = type;
  slot(id).op.attributes = std::move(attributes);
}

void Graph::set_op_version(OpId id, int32_t version) { slot(id).op.version = version; }
void Graph::set_op_origin(OpId id, std::string origin) { slot(id).op.origin = std::move(origin); }

void Graph::link_input(OpId id, TensorId tensor) {
  if (tensor) slot(tensor).consumers.push_back(id);
}

void Graph::unlink_input(OpId id, TensorId tensor) {
  if (!tensor) return;
  auto& consumers = slot(tensor).consumers;
  consumers.erase(std::find(consumers.begin(), consumers.end(), id));
}

void Graph::link_output(OpId id, TensorId tensor) {
  if (tensor) slot(tensor).producer = id;
}

void Graph::unlink_output(OpId id, TensorId tensor) {
  if (tensor && slot(tensor).producer == id) slot(tensor).producer = OpId::none;
}

}  // namespace smelt
