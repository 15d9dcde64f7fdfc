#include "smelt/compress/statistics.h"

#include <zlib.h>

#include <algorithm>
#include <set>

#include "smelt/base/error.h"
#include "smelt/base/half.h"
#include "smelt/compress/kernel_matrix.h"

namespace smelt::compress {
namespace {

template <class T>
std::vector<float> widened(const Tensor& tensor) {
  const auto stored = tensor.data.as<T>();
  return {stored.begin(), stored.end()};
}

std::vector<float> halves(const Tensor& tensor) {
  std::vector<float> values;
  for (const uint16_t bits : tensor.data.as<uint16_t>()) values.push_back(half_to_float(bits));
  return values;
}

/// Two or four to a byte, the first value in the lowest bits.
std::vector<float> unpacked(const Tensor& tensor) {
  const auto bits = static_cast<size_t>(bit_width(tensor.type));
  const size_t per_byte = 8 / bits;
  const int range = 1 << bits;
  std::vector<float> values(static_cast<size_t>(tensor.shape.elements()));
  const auto bytes = tensor.data.bytes();
  if (bytes.size() * per_byte < values.size()) {
    fail(ErrorKind::bad_file, "tensor '{}' holds fewer values than its shape", tensor.name);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const int stored = bytes[i / per_byte] >> (i % per_byte * bits) & (range - 1);
    values[i] = static_cast<float>(stored >= range / 2 ? stored - range : stored);
  }
  return values;
}

/// Stored values as floats, which hold each of them exactly.
std::vector<float> stored_values(const Tensor& tensor) {
  switch (tensor.type) {
    case DataType::float32:
      return widened<float>(tensor);
    case DataType::int8:
      return widened<int8_t>(tensor);
    case DataType::uint8:
      return widened<uint8_t>(tensor);
    case DataType::int16:
      return widened<int16_t>(tensor);
    case DataType::float16:
      return halves(tensor);
    case DataType::int4:
    case DataType::int2:
      return unpacked(tensor);
    default:
      fail(ErrorKind::unsupported, "tensor '{}' of type {} is no kernel", tensor.name,
           name(tensor.type));
  }
}

bool holds_weights(DataType type) {
  return type == DataType::float32 || type == DataType::int8 || type == DataType::uint8 ||
         type == DataType::int16 || type == DataType::float16 || type == DataType::int4 ||
         type == DataType::int2;
}

int64_t count_unique(std::vector<float> values) {
  std::sort(values.begin(), values.end());  // -0 and 0 are equal
  return std::unique(values.begin(), values.end()) - values.begin();
}

/// Whether constants of rank 2 and more that the op reads are kernels.
bool multiplies_kernels(OpType type) {
  switch (type) {
    case OpType::conv_2d:
    case OpType::depthwise_conv_2d:
    case OpType::transpose_conv:
    case OpType::conv_3d:
    case OpType::conv_3d_transpose:
    case OpType::fully_connected:
    case OpType::batch_matmul:
    case OpType::recurrent:
    case OpType::lstm:
    case OpType::rnn:
    case OpType::svdf:
    case OpType::unidirectional_sequence_lstm:
    case OpType::unidirectional_sequence_rnn:
    case OpType::bidirectional_sequence_lstm:
    case OpType::bidirectional_sequence_rnn:
      return true;
    default:
      return false;
  }
}

}  // namespace

KernelStatistics kernel_statistics(const Tensor& tensor, const Op& matrix_op) {
  const std::vector<float> values = stored_values(tensor);
  const auto& zero_points = tensor.quantization.zero_point;
  const auto zero = static_cast<float>(zero_points.size() == 1 ? zero_points[0] : 0);
  KernelStatistics result{.name = tensor.name,
                          .layer = matrix_op.origin,
                          .values = static_cast<int64_t>(values.size()),
                          .zeros = std::count(values.begin(), values.end(), zero),
                          .unique = count_unique(values),
                          .bytes = static_cast<int64_t>(tensor.data.size()),
                          .gzip_bytes = gzip_size(tensor.data.bytes())};
  const KernelMatrix matrix = kernel_matrix(matrix_op, tensor.shape);
  if (matrix.size() != result.values) {
    fail(ErrorKind::bad_file, "tensor '{}' holds {} values, not those of its shape {}", tensor.name,
         result.values, to_string(tensor.shape));
  }
  std::vector<float> row(static_cast<size_t>(matrix.cols));
  for (int64_t r = 0; r < matrix.rows; ++r) {
    for (int64_t c = 0; c < matrix.cols; ++c) {
      row[static_cast<size_t>(c)] = values[static_cast<size_t>(matrix.index(r, c))];
    }
    result.unique_in_channel = std::max(result.unique_in_channel, count_unique(row));
  }
  return result;
}

std::vector<KernelStatistics> kernel_statistics(const Graph& graph) {
  std::vector<KernelStatistics> kernels;
  std::set<TensorId> seen;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (!multiplies_kernels(op.type)) continue;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const Tensor* constant = graph.constant_input(op, i);
      if (!constant || constant->shape.rank() < 2 || !holds_weights(constant->type)) continue;
      if (constant->sparsity || !seen.insert(op.inputs[i]).second) continue;
      kernels.push_back(kernel_statistics(*constant, op));
    }
  }
  return kernels;
}

KernelStatistics total(const std::vector<KernelStatistics>& kernels) {
  KernelStatistics all{.name = "all"};
  for (const KernelStatistics& kernel : kernels) {
    all.values += kernel.values;
    all.zeros += kernel.zeros;
    all.unique = std::max(all.unique, kernel.unique);
    all.unique_in_channel = std::max(all.unique_in_channel, kernel.unique_in_channel);
    all.bytes += kernel.bytes;
    all.gzip_bytes += kernel.gzip_bytes;
  }
  return all;
}

int64_t gzip_size(ByteView data) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;  // the largest window, in a gzip file
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, 9, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    fail(ErrorKind::internal, "zlib cannot start");
  }
  std::vector<uint8_t> out(1 << 16);
  int64_t size = 0;
  size_t taken = 0;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      const size_t part = std::min<size_t>(data.size() - taken, 1 << 30);
      stream.next_in = const_cast<Bytef*>(data.data() + taken);  // zlib does not write there
      stream.avail_in = static_cast<uInt>(part);
      taken += part;
    }
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    state = deflate(&stream, taken == data.size() ? Z_FINISH : Z_NO_FLUSH);
    size += static_cast<int64_t>(out.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return size;
}

}  // namespace smelt::compress
