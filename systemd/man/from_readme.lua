-- SPDX-License-Identifier: Apache-2.0
-- A filter of pandoc that makes manual pages: puts sections of README.md where a page has
--   ::: {.readme part="HEADING"}
-- and lays tables out as terminals like them, each row a term and what it means. only="yaml": that section's YAML alone.

local readme

local function blocks_of(heading)
  if not readme then
    local file = assert(io.open(os.getenv("README"), "r"))
    readme = pandoc.read(file:read("a"), "gfm").blocks
    file:close()
  end
  local blocks, level = pandoc.List(), nil
  for _, block in ipairs(readme) do
    if block.t == "Header" then
      if level and (block.level <= level or (level == 1 and block.level > 1)) then break end
      if pandoc.utils.stringify(block.content) == heading then
        level = block.level
        goto continue
      end
    end
    if level then blocks:insert(block) end
    ::continue::
  end
  if #blocks == 0 then error("README.md has no section: " .. heading) end
  return blocks
end

-- The first column is the term, a default stands in brackets behind it, the last column is what it means.
local function as_definitions(block)
  local simple = pandoc.utils.to_simple_table(block)
  local items = pandoc.List()
  for _, row in ipairs(simple.rows) do
    local term = pandoc.utils.blocks_to_inlines(row[1])
    if #row == 3 and #row[2] > 0 then
      term:insert(pandoc.Str(" ["))
      term:extend(pandoc.utils.blocks_to_inlines(row[2]))
      term:insert(pandoc.Str("]"))
    end
    items:insert({ term, { row[#row] } })
  end
  return pandoc.DefinitionList(items)
end

local to_page = {
  Table = as_definitions,
  Header = function(header) return pandoc.Header(2, header.content) end,
  Code = function(code) return pandoc.Strong(code.text) end,
  Link = function(link) return link.content end,
  Image = function() return {} end,
  RawBlock = function() return {} end,
}

function Div(div)
  if not div.classes:includes("readme") then return nil end
  local blocks = blocks_of(div.attributes.part)
  if div.attributes.only then
    local found = pandoc.List()
    pandoc.Div(blocks):walk({
      CodeBlock = function(code)
        if code.classes:includes(div.attributes.only) then found:insert(code) end
      end,
    })
    if #found == 0 then error("README.md: no " .. div.attributes.only .. " in " .. div.attributes.part) end
    return found
  end
  return pandoc.Div(blocks):walk(to_page).content
end

function Meta(meta)
  meta.footer = pandoc.Inlines("bounced " .. os.getenv("VERSION"))
  return meta
end
