#include "server/http/response_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace sightline::http {
namespace {

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
  out += "\r\n";
}

/// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Names spelt out, as strftime's follow the locale.
void append_date(std::string& out) {
  static constexpr const char* k_days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* k_months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                                 k_days[utc.tm_wday], utc.tm_mday, k_months[utc.tm_mon], utc.tm_year + 1900,
                                 utc.tm_hour, utc.tm_min, utc.tm_sec);
  out.append(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

bool is_ours(std::string_view name) {
  for (const char* ours :
       {"Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Keep-Alive", "Date"}) {
    if (equal_ignoring_case(name, ours)) return true;
  }
  return false;
}

std::string json_string(std::string_view text) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', k_digits[byte >> 4], k_digits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out += '"';
}

}  // namespace

std::string response_text(const Response& response, const Framing& framing) {
  const int status = response.status >= 200 && response.status <= 999 ? response.status : 500;
  const bool bodiless = status == 204 || status == 304;
  std::string out;
  out.reserve(512 + (framing.head_only ? 0 : response.body.size()));
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
  for (const auto& [name, value] : response.headers.all()) {
    if (is_field_name(name) && !is_ours(name)) append_field(out, name, value);
  }
  if (!bodiless && !response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  if (!bodiless) {
    const auto announced = response.headers.get("Content-Length");
    const bool of_get =
        framing.head_only && response.body.empty() && announced && !announced->empty() &&
        std::all_of(announced->begin(), announced->end(), [](char c) { return c >= '0' && c <= '9'; });
    append_field(out, "Content-Length",
                 of_get ? std::string(*announced) : std::to_string(response.body.size()));
  }
  append_date(out);
  if (framing.close) {
    out += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!bodiless && !framing.head_only) out += response.body;
  return out;
}

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

Response plain_error_response(int status, const std::string& message) {
  Response response;
  response.status = status;
  response.body =
      "{\"error\":{\"message\":" + json_string(message) + ",\"code\":" + std::to_string(status) + "}}";
  return response;
}

}  // namespace sightline::http
