// Memory of containers that are not needed any more.
#pragma once

namespace sightline {

/// Empties a string or a vector, and frees its memory: assigning {} keeps that for what may come.
template <class Container>
void free_memory(Container& container) {
  Container().swap(container);
}

}  // namespace sightline
