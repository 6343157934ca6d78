#include "models/image/heif_file.h"

#include <algorithm>
#include <array>

#include "models/image/picture.h"

namespace sightline::models {
namespace {

// More than any camera or phone writes: a picture of 48 megapixels has 192 tiles.
constexpr std::uint32_t k_max_items = 2000, k_max_tiles = 1000, k_max_extents = 1000;
constexpr std::size_t k_max_properties = 32767;  // an index has 15 bits
constexpr std::size_t k_max_references = 10'000;

struct Box {
  std::string_view type, body;
  std::uint64_t end = 0;  ///< its end according to its size, from the start of the bytes it was read from
};

/// The boxes in `bytes`, one after the other.
class Boxes {
 public:
  explicit Boxes(std::string_view bytes) : bytes_(bytes) {}

  /// The next box; nullopt at the end. The body of a box that exceeds the bytes is the part that exists.
  std::optional<Box> next() {
    constexpr std::size_t k_header_bytes = 8;
    if (at_ >= bytes_.size() || bytes_.size() - at_ < k_header_bytes) return {};
    BoxCursor cursor(bytes_.substr(at_));
    std::uint64_t size = cursor.u32();
    const std::string_view type = cursor.take(4);
    std::size_t header = k_header_bytes;
    if (size == 1) {
      size = cursor.number(8);
      header += 8;
    } else if (size == 0) {
      size = bytes_.size() - at_;
    }
    if (cursor.failed() || size < header || size > UINT64_MAX - at_) return {};
    const std::uint64_t end = at_ + size;
    const std::uint64_t there = std::min<std::uint64_t>(end, bytes_.size());
    const Box box{type, bytes_.substr(at_ + header, there - at_ - header), end};
    at_ = end;
    return box;
  }

 private:
  std::string_view bytes_;
  std::uint64_t at_ = 0;
};

/// The version of a full box; its flags follow.
struct FullBox {
  std::uint32_t version, flags;
};

FullBox take_full_box(BoxCursor& cursor) {
  const std::uint32_t version = cursor.u8();
  return {version, static_cast<std::uint32_t>(cursor.number(3))};
}

bool is_alpha(std::string_view kind) {
  constexpr std::array<std::string_view, 3> k_kinds{"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                                                    "urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:avc:2015:auxid:1"};
  return std::find(k_kinds.begin(), k_kinds.end(), kind.substr(0, kind.find('\0'))) != k_kinds.end();
}

}  // namespace

std::uint64_t BoxCursor::number(std::size_t bytes) {
  std::uint64_t value = 0;
  for (const char c : take(bytes)) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

std::string_view BoxCursor::take(std::uint64_t bytes) {
  if (failed_ || bytes > rest_.size()) {
    failed_ = true;
    rest_ = {};
    return {};
  }
  const std::string_view part = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return part;
}

Error HeifFile::broken_part(std::string_view what) const {
  return broken(format_, what);
}

Result<HeifFile> HeifFile::read(std::string_view file, std::string_view format) {
  HeifFile heif(file, format);
  Boxes boxes(file);
  while (const auto box = boxes.next()) {
    if (box->type != "meta") continue;
    if (box->end > file.size()) return cut_short(format, file.size(), box->end);
    if (Status status = heif.read_meta(box->body); !status) return status.error();
    if (heif.type_of(heif.primary_).empty())
      return broken(format, "its primary picture (item " + grouped(heif.primary_) + ") does not exist");
    if (Status status = heif.check_end(); !status) return status.error();
    return heif;
  }
  std::uint64_t end = 0;
  for (Boxes again(file); const auto box = again.next();) end = box->end;
  if (bytes_of_boxes(file, "moov") != 0)
    return Error{ErrorCode::unsupported, std::string(format) + " is a sequence without a still picture"};
  if (end > file.size()) return cut_short(format, file.size(), end);
  return Error{ErrorCode::invalid_argument, std::string(format) + " ends after " + grouped(file.size()) +
                                                " bytes, before the list of its pictures (meta)"};
}

Status HeifFile::check_end() const {
  std::uint64_t end = 0;
  for (const auto& [id, item] : items_) {
    if (item.construction != 0) continue;
    for (const Extent& extent : item.extents) {
      if (extent.length > UINT64_MAX - extent.offset) return broken_part("item " + grouped(id) + " is too long");
      end = std::max(end, extent.offset + extent.length);
    }
  }
  return end > file_.size() ? Status(cut_short(format_, file_.size(), end)) : Status();
}

Status HeifFile::read_meta(std::string_view body) {
  BoxCursor cursor(body);
  take_full_box(cursor);
  // The other boxes refer to the items of `iinf`, and associations to the properties.
  std::map<std::string_view, std::string_view> found{{"idat", {}}, {"pitm", {}}, {"iinf", {}},
                                                     {"iprp", {}}, {"iloc", {}}, {"iref", {}}};
  Boxes boxes(cursor.rest());
  while (const auto box = boxes.next()) {
    const auto place = found.find(box->type);
    if (place != found.end() && place->second.empty()) place->second = box->body;
  }

  idat_ = found["idat"];
  BoxCursor primary(found["pitm"]);
  primary_ = take_full_box(primary).version == 0 ? primary.u16() : primary.u32();
  if (primary.failed()) return broken_part("it names no primary picture (pitm)");
  if (Status status = read_items(found["iinf"]); !status) return status;
  if (Status status = read_properties(found["iprp"]); !status) return status;
  if (Status status = read_locations(found["iloc"]); !status) return status;
  return found["iref"].empty() ? Status() : read_references(found["iref"]);
}

Status HeifFile::read_items(std::string_view body) {
  BoxCursor cursor(body);
  const std::uint32_t count = take_full_box(cursor).version == 0 ? cursor.u16() : cursor.u32();
  if (cursor.failed()) return broken_part("it has no list of items (iinf)");
  if (count > k_max_items) {
    return Error{ErrorCode::too_large, std::string(format_) + " has " + grouped(count) +
                                           " items (tiles and the like); the limit is " + grouped(k_max_items)};
  }
  Boxes boxes(cursor.rest());
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto box = boxes.next();
    if (!box) return broken_part("its list of items (iinf) is truncated");
    BoxCursor entry(box->body);
    const FullBox full = take_full_box(entry);
    if (box->type != "infe" || full.version < 2) continue;
    const Id id = full.version == 2 ? entry.u16() : entry.u32();
    entry.u16();  // protection
    const std::string_view type = entry.take(4);
    if (!entry.failed()) items_[id].type = type;
  }
  return {};
}

Status HeifFile::read_properties(std::string_view body) {
  Boxes boxes(body);
  while (const auto box = boxes.next()) {
    if (box->type == "ipco") {
      Boxes list(box->body);
      while (properties_.size() < k_max_properties) {
        const auto property = list.next();
        if (!property) break;
        properties_.push_back({property->type, property->body});
      }
    } else if (box->type == "ipma") {
      if (Status status = read_associations(box->body); !status) return status;
    }
  }
  return {};
}

Status HeifFile::read_associations(std::string_view body) {
  BoxCursor cursor(body);
  const FullBox full = take_full_box(cursor);
  const bool is_wide = (full.flags & 1) != 0;
  const std::uint32_t count = cursor.u32();
  for (std::uint32_t i = 0; i < count && !cursor.failed(); ++i) {
    const Id id = full.version == 0 ? cursor.u16() : cursor.u32();
    const auto item = items_.find(id);
    const std::uint32_t properties = cursor.u8();
    const bool is_new = item != items_.end() && item->second.properties.empty();
    for (std::uint32_t k = 0; k < properties && !cursor.failed(); ++k) {
      // The first bit says that a reader must understand the property.
      const std::uint32_t index = is_wide ? cursor.u16() & 0x7FFF : cursor.u8() & 0x7F;
      if (is_new && index != 0) item->second.properties.push_back(static_cast<std::uint16_t>(index));
    }
  }
  return cursor.failed() ? Status(broken_part("its list of properties (ipma) is truncated")) : Status();
}

Status HeifFile::read_locations(std::string_view body) {
  BoxCursor cursor(body);
  const std::uint32_t version = take_full_box(cursor).version;
  const std::uint32_t sizes = cursor.u16();
  const std::uint32_t offset_bytes = sizes >> 12, length_bytes = sizes >> 8 & 15, base_bytes = sizes >> 4 & 15;
  const std::uint32_t index_bytes = version == 0 ? 0 : sizes & 15;
  if (std::max({offset_bytes, length_bytes, base_bytes, index_bytes}) > 8 || version > 2)
    return broken_part("its list of positions (iloc) cannot be read");
  const std::uint32_t count = version < 2 ? cursor.u16() : cursor.u32();
  for (std::uint32_t i = 0; i < count && !cursor.failed(); ++i) {
    const Id id = version < 2 ? cursor.u16() : cursor.u32();
    const std::uint32_t construction = version == 0 ? 0 : cursor.u16() & 15;
    const std::uint32_t source = cursor.u16();
    const std::uint64_t base = cursor.number(base_bytes);
    const std::uint32_t extents = cursor.u16();
    if (extents > k_max_extents) return broken_part("item " + grouped(id) + " has " + grouped(extents) + " parts");
    const auto item = items_.find(id);
    const bool is_new = item != items_.end() && item->second.extents.empty();
    if (!is_new) {  // in one step: there may be a million of these
      cursor.take(std::uint64_t{extents} * (index_bytes + offset_bytes + length_bytes));
      continue;
    }
    // Data in another file are as unreadable as an unknown construction.
    item->second.construction = source == 0 ? construction : 15;
    for (std::uint32_t k = 0; k < extents && !cursor.failed(); ++k) {
      cursor.number(index_bytes);
      const std::uint64_t offset = cursor.number(offset_bytes), length = cursor.number(length_bytes);
      if (offset > UINT64_MAX - base) return broken_part("the position of item " + grouped(id) + " is too large");
      item->second.extents.push_back({base + offset, length});
    }
  }
  return cursor.failed() ? Status(broken_part("its list of positions (iloc) is truncated")) : Status();
}

Status HeifFile::read_references(std::string_view body) {
  BoxCursor cursor(body);
  const std::size_t id_bytes = take_full_box(cursor).version == 0 ? 2 : 4;
  Boxes boxes(cursor.rest());
  while (const auto box = boxes.next()) {
    BoxCursor list(box->body);
    Reference reference{box->type, static_cast<Id>(list.number(id_bytes)), {}};
    const std::uint32_t count = list.u16();
    if (items_.find(reference.from) == items_.end()) continue;
    if (count * id_bytes > list.rest().size()) return broken_part("its list of references (iref) is truncated");
    if (references_.size() == k_max_references || count > k_max_items)
      return broken_part("it has too many references (iref)");
    for (std::uint32_t i = 0; i < count; ++i) reference.to.push_back(static_cast<Id>(list.number(id_bytes)));
    references_.push_back(std::move(reference));
  }
  return {};
}

std::string_view HeifFile::type_of(Id item) const {
  const auto found = items_.find(item);
  return found == items_.end() ? std::string_view() : found->second.type;
}

std::string HeifFile::shown_type_of(Id item) const {
  std::string shown("[");
  for (const char c : type_of(item)) shown += c >= 0x20 && c < 0x7F ? c : '?';
  return shown + "]";
}

std::vector<HeifFile::Id> HeifFile::ids() const {
  std::vector<Id> ids;
  for (const auto& [id, item] : items_) ids.push_back(id);
  return ids;
}

std::vector<HeifProperty> HeifFile::properties_of(Id item) const {
  std::vector<HeifProperty> properties;
  const auto found = items_.find(item);
  if (found == items_.end()) return properties;
  for (const std::uint16_t index : found->second.properties) {
    if (index <= properties_.size()) properties.push_back(properties_[index - 1]);
  }
  return properties;
}

std::string_view HeifFile::property_of(Id item, std::string_view type) const {
  for (const HeifProperty& property : properties_of(item)) {
    if (property.type == type) return property.body;
  }
  return {};
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> HeifFile::size_of(Id item) const {
  BoxCursor cursor(property_of(item, "ispe"));
  take_full_box(cursor);
  const std::uint32_t width = cursor.u32(), height = cursor.u32();
  if (cursor.failed()) return {};
  return std::pair(width, height);
}

std::vector<HeifFile::Id> HeifFile::references(Id item, std::string_view type) const {
  for (const Reference& reference : references_) {
    if (reference.from == item && reference.type == type) return reference.to;
  }
  return {};
}

std::optional<HeifFile::Id> HeifFile::alpha_of(Id item) const {
  for (const Reference& reference : references_) {
    if (reference.type != "auxl" || reference.to.empty() || reference.to.front() != item || reference.from == item)
      continue;
    BoxCursor kind(property_of(reference.from, "auxC"));
    take_full_box(kind);
    if (is_alpha(kind.rest())) return reference.from;
  }
  return {};
}

Result<std::string> HeifFile::data_of(Id id) {
  const auto found = items_.find(id);
  if (found == items_.end()) return broken_part("item " + grouped(id) + " does not exist");
  const Item& item = found->second;
  if (item.construction > 1) {
    return Error{ErrorCode::unsupported,
                 std::string(format_) + " stores its picture in another file or item, which is not read"};
  }
  const std::string_view source = item.construction == 0 ? file_ : idat_;
  std::uint64_t bytes = 0;
  for (const Extent& extent : item.extents) {
    if (extent.offset > source.size() || extent.length > source.size() - extent.offset)
      return broken_part("item " + grouped(id) + " extends beyond its box (idat)");
    // A length of zero: all up to the end.
    bytes += extent.length == 0 ? source.size() - extent.offset : extent.length;
  }
  bytes_read_ += bytes;
  if (bytes == 0) return broken_part("item " + grouped(id) + " has no data");
  if (bytes_read_ > file_.size()) return broken_part("its items overlap: together they exceed the file");
  std::string data;
  data.reserve(bytes);
  for (const Extent& extent : item.extents) {
    data += source.substr(extent.offset, extent.length == 0 ? std::string_view::npos : extent.length);
  }
  return data;
}

Result<std::pair<HeifGrid, std::vector<HeifFile::Id>>> HeifFile::grid_of(Id item) {
  const Result<std::string> data = data_of(item);
  if (!data) return data.error();
  BoxCursor cursor(*data);
  cursor.u8();  // version
  const std::size_t size_bytes = (cursor.u8() & 1) != 0 ? 4 : 2;
  HeifGrid grid;
  grid.rows = cursor.u8() + 1;
  grid.columns = cursor.u8() + 1;
  grid.width = static_cast<std::uint32_t>(cursor.number(size_bytes));
  grid.height = static_cast<std::uint32_t>(cursor.number(size_bytes));
  if (cursor.failed()) return broken_part("the layout of its tiles is truncated");
  const std::string layout = grouped(grid.columns) + " x " + grouped(grid.rows);
  const std::uint32_t tiles = grid.rows * grid.columns;
  if (tiles > k_max_tiles) {
    return Error{ErrorCode::too_large, std::string(format_) + " has " + layout + " = " + grouped(tiles) +
                                           " tiles; the limit is " + grouped(k_max_tiles)};
  }
  std::vector<Id> ids = references(item, "dimg");
  if (ids.size() != tiles) return broken_part("it needs " + layout + " tiles and has " + grouped(ids.size()));
  return std::pair(grid, std::move(ids));
}

std::uint64_t bytes_of_boxes(std::string_view file, std::string_view type) {
  std::uint64_t bytes = 0;
  Boxes boxes(file);
  constexpr std::uint64_t k_header_bytes = 8;
  while (const auto box = boxes.next()) {
    if (box->type == type) bytes += k_header_bytes + box->body.size();
  }
  return bytes;
}

int container_orientation(const HeifFile& file) {
  const std::string_view rotation = file.property_of(file.primary(), "irot");
  const std::string_view mirror = file.property_of(file.primary(), "imir");
  const auto first_byte = [](std::string_view body) { return static_cast<std::uint8_t>(body.front()); };
  const unsigned quarters = rotation.empty() ? 0 : first_byte(rotation) & 3;  // anticlockwise
  if (mirror.empty()) return std::array{1, 8, 3, 6}[quarters];
  // Rotated, then mirrored: 0 swaps top and bottom, 1 left and right.
  return (first_byte(mirror) & 1) == 0 ? std::array{4, 5, 2, 7}[quarters] : std::array{2, 7, 4, 5}[quarters];
}

}  // namespace sightline::models
