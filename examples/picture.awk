# A terminal's screen, with its colours as escape sequences, as an SVG picture.
#
#   awk -v columns=N -f picture.awk SCREEN > FILE.svg
#
# Words of one style become a <text> each, at their column and with their width, so
# that it stays a grid whatever the font. Empty lines at the end are left out.

function reset_style() {
  fill = plain
  bold = dim = 0
}


function set_style(codes,    code, i, n) {
  n = split(codes, code, ";")
  if (n == 0)
    reset_style()
  for (i = 1; i <= n; i++) {
    if (code[i] + 0 == 0) reset_style()
    else if (code[i] == 1) bold = 1
    else if (code[i] == 2) dim = 1
    else if (code[i] == 22) bold = dim = 0
    else if (code[i] == 39) fill = plain
    else if (code[i] in colour) fill = colour[code[i]]
  }
}


function escaped(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  return text
}


function put_words(text, column,    style) {
  style = dim ? faint : (bold && fill == plain ? bright : fill)
  body = body sprintf("<text x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" fill=\"%s\"%s>%s</text>\n",
    margin + column * wide, top + row * high, length(text) * wide, style,
    bold ? " font-weight=\"bold\"" : "", escaped(text))
  last = row
}


# Gaps of two blanks and more are left out, for viewers would make one of them.
function put(text, column,    gap, words) {
  while (match(text, /[^ ]+( [^ ]+)*/)) {
    gap = RSTART - 1
    words = substr(text, RSTART, RLENGTH)
    put_words(words, column + gap)
    column += gap + length(words)
    text = substr(text, gap + length(words) + 1)
  }
}


BEGIN {
  wide = 8.4; high = 20; margin = 20; top = 62; row = 0; last = 0
  plain = "#c9d1d9"; bright = "#ffffff"; faint = "#8b949e"
  colour[31] = "#ff7b72"; colour[32] = "#7ee787"; colour[33] = "#e3b341"
  colour[34] = "#79c0ff"; colour[35] = "#d2a8ff"; colour[36] = "#56d4dd"; colour[37] = plain
  reset_style()
}


{
  rest = $0
  column = 0
  while (match(rest, /\033\[[0-9;]*m/)) {
    text = substr(rest, 1, RSTART - 1)
    codes = substr(rest, RSTART + 2, RLENGTH - 3)
    rest = substr(rest, RSTART + RLENGTH)
    put(text, column)
    column += length(text)
    set_style(codes)
  }
  put(rest, column)
  row++
}


END {
  width = 2 * margin + columns * wide
  height = top + last * high + 24
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
    width, height, width, height
  printf "<title>uvllm batch in a terminal</title>\n"
  printf "<rect x=\".5\" y=\".5\" width=\"%d\" height=\"%d\" rx=\"10\" fill=\"#0d1117\" stroke=\"#30363d\"/>\n",
    width - 1, height - 1
  split("#ff5f57 #febc2e #28c840", light, " ")
  for (i = 1; i <= 3; i++)
    printf "<circle cx=\"%d\" cy=\"22\" r=\"6\" fill=\"%s\"/>\n", margin + 6 + (i - 1) * 20, light[i]
  printf "<g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, 'Liberation Mono', monospace\" " \
    "font-size=\"14\">\n%s</g>\n</svg>\n", body
}
