#pragma once

#include <span>
#include <string>
#include <string_view>

#include "smelt/base/error.h"

namespace smelt::train {

/// A name that users write for a value; the first one of a value is the one that is shown.
template <class T>
struct Named {
  std::string_view name;
  T value;
};

/// bad_argument, listing all names, where `name` is none of them.
template <class T>
T value_of(std::span<const Named<T>> names, std::string_view name, std::string_view what) {
  std::string known;
  for (const Named<T>& entry : names) {
    if (entry.name == name) return entry.value;
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  fail(ErrorKind::bad_argument, "unknown {} '{}'; there are {}", what, name, known);
}

template <class T>
std::string_view name_of(std::span<const Named<T>> names, T value) {
  for (const Named<T>& entry : names) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

}  // namespace smelt::train
