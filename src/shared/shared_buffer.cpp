// The file: one page of header, then max_size bytes, rounded up to whole pages.
//
// Invariants: the file never changes its size, so everything that was mapped stays there. `length`
// is the only word of the header that is read after attach(), and it is never believed beyond the
// mapping. No process writes behind `length`, so growing finds zeros.
#include <brigade/shared_buffer.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

namespace brigade {
namespace {

struct Header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t unused;
  std::uint64_t max_size;
  std::atomic<std::uint64_t> length;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(Header) == 32);

constexpr std::uint64_t kMagic = 0x6272'6967'5348'4246;  // "brigSHBF"
constexpr std::uint32_t kVersion = 1;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

/// Of the whole file. 0 when there is no such number.
std::size_t file_size(std::uint64_t max_size) {
  const std::size_t page = page_size();
  if (max_size > std::numeric_limits<std::size_t>::max() - 2 * page) return 0;
  const auto bytes = static_cast<std::size_t>(max_size);
  return page + (bytes + page - 1) / page * page;
}

Header& header_of(SharedSegment& segment) {
  return *reinterpret_cast<Header*>(segment.data());
}

}  // namespace

Result<SharedBuffer> SharedBuffer::create(std::size_t size, SharedBufferOptions options) {
  const std::size_t max_size = options.max_size == 0 ? size : options.max_size;
  if (size > max_size || file_size(max_size) == 0) {
    return Error(EINVAL, fmt::format("shared buffer {}: impossible size {} of at most {} bytes",
                                     options.name, size, max_size));
  }
  auto segment = SharedSegment::create(options.name, file_size(max_size));
  if (!segment) return segment.error();
  Header& header = header_of(*segment);
  header.magic = kMagic;
  header.version = kVersion;
  header.max_size = max_size;
  header.length.store(size);
  return over(std::move(*segment), max_size);
}

Result<SharedBuffer> SharedBuffer::attach(Fd fd) {
  auto segment = SharedSegment::attach(std::move(fd));
  if (!segment) return segment.error();
  if (segment->size() < page_size()) {
    return Error(EINVAL,
                 fmt::format("attach a shared buffer: refused, only {} bytes", segment->size()));
  }
  // Copied out before it is judged: whoever else maps the page may be writing to it now.
  const auto* page = reinterpret_cast<const volatile Header*>(segment->data());
  const std::uint64_t magic = page->magic;
  const std::uint32_t version = page->version;
  const std::uint64_t max_size = page->max_size;
  if (magic != kMagic || version != kVersion) {
    return Error(EINVAL, fmt::format("attach a shared buffer: refused, no buffer of version {} "
                                     "(magic {:#x}, version {})",
                                     kVersion, magic, version));
  }
  if (file_size(max_size) != segment->size()) {
    return Error(EINVAL, fmt::format("attach a shared buffer: refused, it claims up to {} bytes in "
                                     "a file of {}",
                                     max_size, segment->size()));
  }
  return over(std::move(*segment), static_cast<std::size_t>(max_size));
}

Result<SharedBuffer> SharedBuffer::over(SharedSegment segment, std::size_t max_size) {
  // Which file it is says whether two buffers are one; numbers in the header could be forged.
  struct stat status{};
  if (::fstat(segment.fd().get(), &status) != 0) {
    return Error::from_errno(errno, "shared buffer: fstat");
  }
  std::byte* const data = segment.data() + page_size();
  std::atomic<std::uint64_t>* const length = &header_of(segment).length;
  SharedBuffer buffer;
  buffer.memory_ = std::make_shared<const detail::SharedMemory>(detail::SharedMemory{
      std::move(segment), data, max_size, length, status.st_dev, status.st_ino});
  return buffer;
}

Result<void> SharedBuffer::grow(std::size_t new_size) {
  if (!memory_) return Error(EBADF, "grow a shared buffer: it is empty, create or attach it first");
  if (new_size > memory_->max_size) {
    return Error(EINVAL, fmt::format("grow a shared buffer to {} bytes: its maximum is {}",
                                     new_size, memory_->max_size));
  }
  std::uint64_t length = memory_->length->load();
  do {
    if (new_size < std::min<std::uint64_t>(length, memory_->max_size)) {
      return Error(EINVAL, fmt::format("grow a shared buffer to {} bytes: it has {} already and "
                                       "never shrinks",
                                       new_size, length));
    }
  } while (!memory_->length->compare_exchange_weak(length, new_size));
  return {};
}

const Fd& SharedBuffer::fd() const {
  static const Fd none;
  return memory_ ? memory_->segment.fd() : none;
}

}  // namespace brigade
