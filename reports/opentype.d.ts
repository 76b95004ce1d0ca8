/** The part of opentype.js that the report uses; the package ships no types. */
declare module "opentype.js" {
  interface Glyph {
    readonly index: number;
    readonly advanceWidth?: number;
  }
  interface Font {
    readonly unitsPerEm: number;
    charToGlyph(character: string): Glyph;
  }
  function parse(data: ArrayBufferLike): Font;
  const opentype: { parse: typeof parse };
  export default opentype;
  export type { Font, Glyph };
}
