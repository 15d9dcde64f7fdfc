#pragma once

#include <string>
#include <vector>

#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5::internal {

/// A name in a group.
struct Link {
  std::string name;
  uint64_t address = kUndefined;  ///< of the object's header; undefined for soft and external links
};

/// All links of a group, sorted by name. bad_file where the object is no group.
std::vector<Link> read_links(const ObjectHeader& header);

}  // namespace smelt::hdf5::internal
