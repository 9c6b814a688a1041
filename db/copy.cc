// SPDX-License-Identifier: Apache-2.0
#include "db/copy.h"

#include <algorithm>

#if PQXX_VERSION_MAJOR < 7
#include <pqxx/tablereader>
#include <pqxx/tablewriter>
#endif

namespace bounced::db {
namespace {

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

// The fields of a line in COPY's text format, which loses its escapes in place.
void split_line(std::string& line, std::vector<CopyReader::Field>& fields) {
  fields.clear();
  char* const bytes = line.data();
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    const std::string_view field(bytes + begin, end - begin);
    if (field == "\\N") {
      fields.emplace_back();
    } else if (const auto escape = field.find('\\'); escape == field.npos) {
      fields.emplace_back(field);
    } else {
      std::size_t to = begin + escape;
      for (std::size_t from = to; from < end; ++from) {
        bytes[to++] = bytes[from] == '\\' ? unescaped(bytes[++from]) : bytes[from];
      }
      fields.emplace_back(std::string_view(bytes + begin, to - begin));
    }
    if (end == line.size()) return;
    begin = end + 1;
  }
}

}  // namespace

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

// Its tablereader takes a query where a table is asked for.
struct CopyReader::Impl {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  Impl(pqxx::transaction_base& tx, const std::string& query) : reader(tx, '(' + query + ')') {}
#pragma GCC diagnostic pop

  bool next() {
    if (!reader.get_raw_line(line)) {
      reader.complete();
      return false;
    }
    if (line.ends_with('\n')) line.pop_back();
    return true;
  }

  pqxx::tablereader reader;
  std::string line;
};

#else

struct CopyReader::Impl {
// What libpqxx wants to be used instead parses each line into values of its own.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  Impl(pqxx::transaction_base& tx, const std::string& query) : stream(pqxx::stream_from::query(tx, query)) {}
#pragma GCC diagnostic pop

  bool next() {
    const auto [bytes, size] = stream.get_raw_line();
    if (bytes) {
      line.assign(bytes.get(), size);
      return true;
    }
    stream.complete();
    return false;
  }

  pqxx::stream_from stream;
  std::string line;
};

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

CopyReader::CopyReader(pqxx::transaction_base& tx, const std::string& query)
    : impl_(std::make_unique<Impl>(tx, query)) {}
CopyReader::~CopyReader() = default;
bool CopyReader::next(std::vector<Field>& fields) {
  if (!impl_->next()) return false;
  split_line(impl_->line, fields);
  return true;
}

}  // namespace bounced::db
