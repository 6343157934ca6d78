// Numbers that JavaScript cannot hold: see console_cases.mjs.
import { parseExact } from "../../server/web/page/modules/server/exact_json.js";

export default function cases(test, assert) {
  test("numbers that JavaScript would change are given as their text", () => {
    for (const text of ["9007199254740993", "1234567890123456789", "-9223372036854775808", "18446744073709551615", "0.12345678901234567890", "1e400", "1e-400", "-0.0", "1.7976931348623157E308"]) {
      assert.deepEqual(parseExact(`{"a":[${text}]}`), { a: [text] }, text);
    }
  });

  test("all others are numbers", () => {
    for (const text of ["0", "1", "-1.50", "0.0", "1E3", "0.30000000000000004", "9007199254740992", "1000000000000000000", "5e-324", "0.000001234"]) {
      assert.deepEqual(parseExact(`{"a":[${text}]}`), { a: [Number(text)] }, text);
    }
  });

  test("texts and names keep their digits, whatever they hold", () => {
    const value = { "12345678901234567890": "9007199254740993", 'a"1e400': '\\"1e400\\', b: "[1e400,-0]", c: [true, null, false] };
    assert.deepEqual(parseExact(JSON.stringify(value)), value);
    const long = "\"1e400\\".repeat(300000);
    assert.equal(parseExact(JSON.stringify([long]))[0], long);
  });

  test("what is not JSON is refused", () => {
    for (const text of ["[1-2]", "[01]", "[\\n]", "[1e400", '["a]', "[12345678901234567890x]", "[12345678901234567890 1]", "-", ""]) {
      let read;
      try { read = parseExact(text); } catch { continue; }
      assert.ok(false, `${text} was read as ${JSON.stringify(read)}`);
    }
  });
}
