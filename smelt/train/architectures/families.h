#pragma once

#include "smelt/train/architectures/architecture.h"
#include "smelt/train/architectures/layer_writer.h"

namespace smelt::train {

/// Each writes a network and returns its graph.
Graph mobilenet_v1(const ArchitectureOptions& options);
Graph mobilenet_v2(const ArchitectureOptions& options);
Graph resnet8(const ArchitectureOptions& options);
Graph ds_cnn(const ArchitectureOptions& options);
Graph mlp(const ArchitectureOptions& options);
Graph lstm(const ArchitectureOptions& options);

/// options.strides, or `usual`; bad_argument where their number differs or one is not in 1 to 4.
std::vector<int32_t> strides_or(const ArchitectureOptions& options,
                                const std::vector<int32_t>& usual);

/// bad_argument where the input is no image [H,W,C].
void require_image(const ArchitectureOptions& options, std::string_view name);

}  // namespace smelt::train
