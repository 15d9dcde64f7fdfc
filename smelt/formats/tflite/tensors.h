#pragma once

#include <functional>
#include <span>

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/buffers.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/ir/tensor.h"

namespace smelt::tflite {
namespace schema {
struct Tensor;
}

/// A tensor with its data; whether it is constant is left to `is_constant`, which needs the graph.
Tensor read_tensor(const schema::Tensor& from, std::span<const StoredBuffer> buffers,
                   int32_t tensor_count, Budget& budget);

/// Constants are tensors with data. A tensor without elements has none: it is one where the file
/// says so by an empty vector, or where nothing else can give it its value.
/// `given`: an input, a variable, or computed by an op.
bool is_constant(const Tensor& tensor, const StoredBuffer* buffer, bool given);

/// The buffer that a tensor names, null for buffer 0, which stands for "no data".
const StoredBuffer* buffer_of(const schema::Tensor& tensor, std::span<const StoredBuffer> buffers);

/// `index_of` gives the place of a tensor of the same graph in the file.
flatbuffers::Offset<schema::Tensor> write_tensor(const Tensor& from, bool with_name,
                                                 uint32_t buffer,
                                                 const std::function<int32_t(TensorId)>& index_of,
                                                 SharedPool& pool);

}  // namespace smelt::tflite
