#include "tests/elastic/embedded/store_requests_page.h"

#include <algorithm>
#include <map>

#include "server/elastic/rest/parameter_table.h"

namespace sightline::elastic {
namespace {

using rest::Treatment;

/// What is done, with the note beside it.
std::string treatment_text(Treatment treatment, std::string_view note) {
  const std::string text(note);
  switch (treatment) {
    case Treatment::done:
      return text.empty() ? "done" : "done: " + text;
    case Treatment::no_effect:
      return "checked, no effect: " + text;
    case Treatment::only_some:
      return "only " + text + "; else refused";
  }
  return text;
}

void append_row(std::string& out, std::string_view name, std::string_view kinds, const std::string& text) {
  out += "| `" + std::string(name) + "` | " + std::string(kinds) + " | " + text + " |\n";
}

void append_members(std::string& out, const rest::MemberTableBase& table) {
  out += "\n### " + std::string(table.place()) + "\n\n| member | takes | |\n|---|---|---|\n";
  for (const rest::MemberInfo& member : table.members())
    append_row(out, member.name, rest::kinds_text(member.kinds), treatment_text(member.treatment, member.note));
}

std::string methods_text(const std::vector<http::Method>& methods) {
  std::string text;
  for (const http::Method method : methods) text += (text.empty() ? "" : ", ") + std::string(to_string(method));
  return text;
}

}  // namespace

std::string store_requests_page(const rest::Router& routes) {
  std::string out =
      "# What the embedded store does with requests\n\n"
      "Each parameter of a URL and each member of a body is one of these. What is not listed is refused with status "
      "400.\n\n"
      "| | |\n|---|---|\n"
      "| done | does what Elasticsearch 9.2 does with it |\n"
      "| checked, no effect | a wrong value is refused; a right one could not change an answer here, for the reason "
      "given |\n"
      "| only ... | these values are taken, all others are refused |\n"
      "\n"
      "This page is made of the tables that the store reads requests by (`server/elastic/embedded`); a test compares "
      "them.\n\n"
      "## Parameters of URLs\n\n### every request\n\n| parameter | takes | |\n|---|---|---|\n";
  for (const auto& row : rest::common_parameters())
    append_row(out, row.info.name, row.info.type, treatment_text(row.info.treatment, row.info.note));
  std::vector<std::pair<const rest::ParameterTableBase*, std::string>> tables;  // in the order of the routes
  for (const auto& route : routes.routes()) {
    const std::string name = methods_text(route.methods) + " `" + route.pattern + "`";
    const auto same =
        std::find_if(tables.begin(), tables.end(), [&](const auto& table) { return table.first == route.parameters; });
    same == tables.end() ? void(tables.emplace_back(route.parameters, name)) : void(same->second += ", " + name);
  }
  for (const auto& [table, names] : tables) {
    out += "\n### " + names + "\n\n";
    if (table->parameters().empty()) out += "None of its own.\n";
    if (table->parameters().empty()) continue;
    out += "| parameter | takes | |\n|---|---|---|\n";
    for (const rest::ParameterInfo& row : table->parameters())
      append_row(out, row.name, row.type, treatment_text(row.treatment, row.note));
  }
  out += "\n## Members of bodies\n";
  for (const rest::MemberTableBase* table : rest::MemberTableBase::all()) append_members(out, *table);
  return out;
}

}  // namespace sightline::elastic
