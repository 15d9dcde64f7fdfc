#include "smelt/ir/verify.h"

#include <cmath>
#include <set>

#include "smelt/ir/dump.h"

namespace smelt {
namespace {

void verify_constant(const Tensor& tensor) {
  const bool plain = !tensor.sparsity && bit_width(tensor.type) > 0 && tensor.shape.known();
  if (!plain) return;
  const int64_t wanted = storage_bytes(tensor.type, tensor.shape.elements());
  if (static_cast<int64_t>(tensor.data.size()) != wanted) {
    fail(ErrorKind::bad_file, "{} bytes of constant data where {}{} takes {}", tensor.data.size(),
         name(tensor.type), to_string(tensor.shape), wanted);
  }
}

void verify_quantization(const Tensor& tensor) {
  const Quantization& q = tensor.quantization;
  if (q.zero_point.size() != q.scale.size()) {
    fail(ErrorKind::bad_file, "{} scales but {} zero points", q.scale.size(), q.zero_point.size());
  }
  for (const float scale : q.scale) {
    if (!std::isfinite(scale) || scale < 0) {
      fail(ErrorKind::bad_file, "quantization scale {} is not a positive number", scale);
    }
  }
}

class GraphVerifier {
 public:
  explicit GraphVerifier(const Graph& graph)
      : graph_(graph), inputs_(graph.inputs().begin(), graph.inputs().end()) {}

  void run() {
    for (const TensorId id : graph_.tensors()) {
      with_context([&] { return describe(graph_, id); }, [&] { verify_tensor(graph_.tensor(id)); });
    }
    for (const TensorId id : graph_.inputs()) require_tensor(id, "graph input");
    for (const TensorId id : graph_.outputs()) require_tensor(id, "graph output");
    for (const OpId id : graph_.ops()) {
      with_context([&] { return describe(graph_, id); }, [&] { verify_op(graph_.op(id)); });
    }
    for (const TensorId id : graph_.outputs()) {
      if (!readable(id)) {
        fail(ErrorKind::bad_file, "graph output {} is never computed", describe(graph_, id));
      }
    }
  }

 private:
  static void verify_tensor(const Tensor& tensor) {
    for (const int32_t size : tensor.shape.dims()) {
      if (size < Shape::kUnknown) fail(ErrorKind::bad_file, "axis of size {}", size);
    }
    if (tensor.is_constant) verify_constant(tensor);
    verify_quantization(tensor);
  }

  void require_tensor(TensorId id, std::string_view role) const {
    if (!graph_.contains(id)) {
      fail(ErrorKind::bad_file, "{} names tensor {}, which does not exist", role, id.value);
    }
  }

  bool readable(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    return tensor.is_constant || tensor.is_variable || inputs_.contains(id) ||
           produced_.contains(id);
  }

  void verify_op(const Op& op) {
    if (!attributes_fit(op.type, op.attributes)) {
      fail(ErrorKind::bad_file, "holds the attributes of another kind of op");
    }
    for (const TensorId id : op.inputs) {
      if (!id) continue;
      require_tensor(id, "operand");
      // Custom ops (Ethos-U) name the memory that they work in as an operand that nothing computes.
      const bool scratch = op.type == OpType::custom && !graph_.producer(id);
      if (!readable(id) && !scratch) {
        fail(ErrorKind::bad_file, "reads {} before anything computes it", describe(graph_, id));
      }
    }
    for (const TensorId id : op.intermediates) {
      if (id) require_tensor(id, "intermediate");
    }
    for (const TensorId id : op.outputs) {
      if (!id) continue;
      require_tensor(id, "result");
      if (graph_.tensor(id).is_constant) {
        fail(ErrorKind::bad_file, "writes the constant {}", describe(graph_, id));
      }
      if (!produced_.insert(id).second) {
        fail(ErrorKind::bad_file, "{} is computed twice", describe(graph_, id));
      }
    }
  }

  const Graph& graph_;
  const std::set<TensorId> inputs_;
  std::set<TensorId> produced_;
};

void verify_signature(const Model& model, const Signature& signature) {
  if (signature.graph >= model.graphs.size()) {
    fail(ErrorKind::bad_file, "names subgraph {} of {}", signature.graph, model.graphs.size());
  }
  const Graph& graph = model.graphs[signature.graph];
  for (const auto* entries : {&signature.inputs, &signature.outputs}) {
    for (const Signature::Entry& entry : *entries) {
      if (!graph.contains(entry.tensor)) {
        fail(ErrorKind::bad_file, "'{}' names a tensor that does not exist", entry.name);
      }
    }
  }
}

/// Collects the graph indices that control-flow attributes hold: int fields called "..._graph".
struct CalledGraphs {
  std::vector<int64_t> indices;
  template <class T>
  void operator()(std::string_view field, const T& value) {
    if constexpr (std::is_integral_v<T>) {
      if (field.ends_with("graph")) indices.push_back(static_cast<int64_t>(value));
    }
  }
};

void verify_calls(const Model& model, const Graph& graph) {
  for (const OpId id : graph.ops()) {
    CalledGraphs called;
    visit_fields(graph.op(id).attributes, called);
    for (const int64_t index : called.indices) {
      if (index >= 0 && index < static_cast<int64_t>(model.graphs.size())) continue;
      fail(ErrorKind::bad_file, "{}: calls subgraph {} of {}", describe(graph, id), index,
           model.graphs.size());
    }
  }
}

}  // namespace

void verify(const Graph& graph) { GraphVerifier(graph).run(); }

void verify(const Model& model) {
  if (model.graphs.empty()) fail(ErrorKind::bad_file, "the model holds no graph");
  for (size_t i = 0; i < model.graphs.size(); ++i) {
    auto check = [&] {
      verify(model.graphs[i]);
      verify_calls(model, model.graphs[i]);
    };
    if (i == 0) {
      check();
    } else {
      with_context([&] { return fmt::format("subgraph {}", i); }, check);
    }
  }
  for (const Signature& signature : model.signatures) {
    with_context([&] { return fmt::format("signature '{}'", signature.key); },
                 [&] { verify_signature(model, signature); });
  }
}

}  // namespace smelt
