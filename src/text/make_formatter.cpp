#include "canine/text/make_formatter.hpp"

#include "canine/core/errors.hpp"
#include "canine/text/general_formatter.hpp"
#include "canine/text/hisco_formatter.hpp"
#include "canine/text/occ1950_formatter.hpp"

namespace canine {

std::shared_ptr<const Formatter> make_formatter(const FormatterOptions& options) {
  switch (options.kind) {
    case FormatterKind::kGeneral:
      return std::make_shared<const GeneralFormatter>(options.num_columns, options.block_size,
                                                      options.use_within_block_sep);
    case FormatterKind::kHisco:
      return std::make_shared<const HiscoFormatter>();
    case FormatterKind::kOcc1950:
      return std::make_shared<const Occ1950Formatter>();
  }
  throw InternalError("unknown kind of formatter {}", static_cast<int>(options.kind));
}

std::string_view name_of(FormatterKind kind) {
  switch (kind) {
    case FormatterKind::kGeneral:
      return "gpf";
    case FormatterKind::kHisco:
      return "hisco";
    case FormatterKind::kOcc1950:
      return "occ1950";
  }
  throw InternalError("unknown kind of formatter {}", static_cast<int>(kind));
}

}  // namespace canine
