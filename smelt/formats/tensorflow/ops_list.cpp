#include "smelt/formats/tensorflow/node.h"

// TensorLists of fixed length, as loops read and fill them: one tensor with the elements along a
// new first axis.

namespace smelt::tensorflow {
namespace {

const Value& list(const Node& node, size_t i) {
  if (i >= node.count() || node.inputs[i].kind != Value::Kind::list) {
    fail(ErrorKind::unsupported, "operand {} is no list that was made in the graph", i);
  }
  return node.inputs[i];
}

TensorId elements(const Node& node, size_t i) {
  const Value& value = list(node, i);
  if (!value.id) fail(ErrorKind::unsupported, "a list is read before anything was written to it");
  return value.id;
}

Value make_list(TensorId id, int64_t count) {
  Value value = Value::of_kind(Value::Kind::list);
  value.id = id;
  value.count = count;
  return value;
}

Values import_from_tensor(const Node& node) {
  const TensorId x = node.input(0);
  if (node.rank(0) < 1) fail(ErrorKind::bad_file, "a list is made of a scalar");
  return {make_list(x, node.shape(0)[0])};
}

Values import_reserve(const Node& node) {
  const int64_t count = node.integer(1, "the length of the list");
  constexpr int64_t kMaxCount = 1'000'000;
  if (count < 0 || count > kMaxCount) fail(ErrorKind::bad_file, "a list of {} elements", count);
  return {make_list(TensorId::none, count)};
}

Values import_stack(const Node& node) { return {elements(node, 0)}; }

Values import_length(const Node& node) {
  return {node.graph.integer(static_cast<int32_t>(list(node, 0).count))};
}

TensorId scalar_index(const Node& node, size_t i) {
  return node.graph.reshape(node.as_int32(i), std::vector<int32_t>{});
}

Values import_get_item(const Node& node) {
  return {node.graph.op(OpType::gather, {elements(node, 0), scalar_index(node, 1)},
                        GatherAttributes{.axis = 0})};
}

Values import_set_item(const Node& node) {
  Builder& graph = node.graph;
  const TensorId item = node.input(2);
  const int64_t count = list(node, 0).count;
  const auto with_front = [](const Shape& shape, int64_t size) {
    std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
    dims.insert(dims.begin(), size);
    return dims;
  };
  const auto narrow = [](const std::vector<int64_t>& dims) {
    return Shape(std::vector<int32_t>(dims.begin(), dims.end()));
  };
  const Shape once = graph.shape(item);
  const Shape wide = graph.probe(item).shape;
  TensorId x = list(node, 0).id;
  if (!x) {
    x = graph.zeros(narrow(with_front(once, count)), narrow(with_front(wide, count)),
                    graph.type(item));
  }
  const TensorId row = graph.reshape(item, with_front(once, 1), with_front(wide, 1));
  std::vector<TensorId> start{graph.reshape(scalar_index(node, 1), std::vector<int32_t>{1})};
  if (once.rank() > 0) {
    start.push_back(graph.ints(std::vector<int32_t>(static_cast<size_t>(once.rank()), 0)));
  }
  const TensorId y = graph.op(OpType::dynamic_update_slice, {x, row, graph.concat(start, 0)});
  return {make_list(y, count)};
}

constexpr OpRow kRows[] = {
    {"TensorListFromTensor", import_from_tensor},
    {"TensorListReserve", import_reserve},
    {"TensorListStack", import_stack},
    {"TensorListLength", import_length},
    {"TensorListGetItem", import_get_item},
    {"TensorListSetItem", import_set_item},
};

}  // namespace

std::span<const OpRow> list_ops() { return kRows; }

}  // namespace smelt::tensorflow
