// SPDX-License-Identifier: Apache-2.0
#include "db/copy.h"

#if PQXX_VERSION_MAJOR < 7
#include <pqxx/tablewriter>
#endif

namespace bounced::db {

#if PQXX_VERSION_MAJOR < 7

// 6.4's stream_to takes tuples only and makes a string of every field (2.0 s for a million rows); its older tablewriter
// takes ready lines, many at once (1.1 s).
struct CopyWriter::Impl {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  Impl(pqxx::transaction_base& tx, const std::string& table, const std::vector<std::string>& columns)
      : writer(tx, table, columns.begin(), columns.end()) {}
#pragma GCC diagnostic pop

  void row(std::span<const Field> fields) {
    bool first = true;
    for (const Field& field : fields) {
      if (!first) lines += '\t';
      first = false;
      if (field)
        append_escaped(*field);
      else
        lines += "\\N";
    }
    lines += '\n';
    constexpr std::size_t enough = 64 * 1024;  // as much as a socket takes at once
    if (lines.size() >= enough) flush();
  }

  void append_escaped(std::string_view text) {
    while (true) {
      const auto special = text.find_first_of("\\\t\n\r");
      lines += text.substr(0, special);
      if (special == text.npos) return;
      lines += '\\';
      switch (text[special]) {
        case '\t':
          lines += 't';
          break;
        case '\n':
          lines += 'n';
          break;
        case '\r':
          lines += 'r';
          break;
        default:
          lines += '\\';
      }
      text.remove_prefix(special + 1);
    }
  }

  void flush() {
    if (lines.empty()) return;
    lines.pop_back();  // it adds the last line's end itself
    writer.write_raw_line(lines);
    lines.clear();
  }

  void finish() {
    flush();
    writer.complete();
  }

  pqxx::tablewriter writer;
  std::string lines;
};

#else

struct CopyWriter::Impl {
  Impl(pqxx::transaction_base& tx, const std::string& table, const std::vector<std::string>& columns)
      : stream(pqxx::stream_to::raw_table(tx, table, tx.conn().quote_columns(columns))) {}

  void row(std::span<const Field> fields) { stream.write_row(fields); }
  void finish() { stream.complete(); }

  pqxx::stream_to stream;
};

#endif

CopyWriter::CopyWriter(pqxx::transaction_base& tx, const std::string& table, const std::vector<std::string>& columns)
    : impl_(std::make_unique<Impl>(tx, table, columns)) {}
CopyWriter::~CopyWriter() = default;
void CopyWriter::row(std::span<const Field> fields) {
  impl_->row(fields);
}
void CopyWriter::finish() {
  impl_->finish();
}

}  // namespace bounced::db
