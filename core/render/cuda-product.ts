/**
 * Matrix products and convolutions in CUDA: the text of what runtime/product.cuh asks of a product (its elements, and where they are
 * stored), and of the kernel over its tiles. A convolution is the product of matrices that are never made: their elements are found
 * where they lie. Where there are few tiles and much depth, parts of the depth are summed apart and joined in their order by a second
 * kernel. An epilogue is done on every element before it is stored.
 */
import { type FloatDType, sizeOf } from "../base/dtype.ts";
import { type Kernel, kernel } from "../kernel/kernel.ts";
import type { ConvolutionLaunch, MatmulLaunch } from "../kernel/launch.ts";
import { load } from "../kernel/scalar-expr.ts";
import { C_TYPE } from "./c-scalar.ts";
import { divider, isWide } from "./cuda-layout.ts";
import { CudaProgram, type RenderedCuda } from "./cuda-program.ts";
import { type CudaSchedule, product } from "./cuda-schedule.ts";
import { storeRoots } from "./wasm-layout.ts";

export type ProductLaunch = MatmulLaunch | ConvolutionLaunch;

/** Rows, columns and depth of a block's tile, and rows and columns of a thread's share. */
type Tile = readonly [number, number, number, number, number];
const SMALL: Tile = [32, 32, 16, 2, 2];
const MEDIUM: Tile = [64, 64, 8, 4, 4];
const LARGE: Tile = [128, 128, 8, 8, 8];

/** Words of a product after those of its epilogue. Those with a divider are three. */
const MATRIX = ["rows", "columns", "depth", "batches/", "tilesDown/", "tilesAcross/", "tiles", "splits", "grain"] as const;
const IMAGE =
  "makes channels positions/ outputWidth/ height width inputArea/ inputWidth/ taps/ tapWidth/ outputHeight strideY strideX dilationY dilationX paddingY paddingX allMakes allChannels strideYBy/ strideXBy/".split(
    " ",
  );

export interface ProductPlan {
  readonly key: string;
  readonly tile: Tile;
  readonly wide: boolean;
  readonly tiles: number;
  /** Parts of the depth, and bytes of memory for what they sum to; 0 where there is one. */
  readonly splits: number;
  readonly partBytes: number;
  /** Elements of the result. */
  readonly size: number;
  readonly words: readonly number[];
}

/** Rows, columns, depth and how many: of the matrices that a launch multiplies. */
export function matricesOf(launch: ProductLaunch): readonly [number, number, number, number] {
  if (launch.kind === "matmul") return [launch.m, launch.n, launch.k, launch.batch.length];
  const { n, groups, c, o } = launch;
  const [channels, makes] = [c / groups, o / groups];
  const [image, result, taps] = [product(launch.input), product(launch.output), product(launch.kernel)];
  if (launch.product === "forward") return [makes, n * result, channels * taps, groups];
  if (launch.product === "input") return [channels, n * image, makes * taps, groups];
  return [makes, channels * taps, n * result, groups];
}

/** How a product is divided: by its shape alone. */
export function planProduct(launch: ProductLaunch): ProductPlan {
  const [rows, columns, depth, batches] = matricesOf(launch);
  const blocks = ([m, n]: Tile) => batches * Math.ceil(rows / m) * Math.ceil(columns / n);
  const tile =
    launch.dtype === "f32" && blocks(LARGE) >= 128 && rows >= 96 && columns >= 96
      ? LARGE
      : blocks(MEDIUM) >= 64 && rows > 32 && columns > 32
        ? MEDIUM
        : SMALL;
  const whole = blocks(tile);
  const splits = Math.max(1, Math.min(32, Math.floor(depth / 256), Math.ceil(128 / Math.max(1, whole))));
  const grain = Math.max(1, Math.ceil(depth / splits));
  const parts = splits === 1 ? 1 : Math.ceil(depth / grain);
  const size = batches * rows * columns;
  const isLarge = Math.max(size, rows * depth * batches, columns * depth * batches) > 2 ** 30;
  const wide = isLarge || (launch.epilogue !== undefined && isWide(launch.epilogue.geometry));
  const [down, across] = [Math.ceil(rows / tile[0]), Math.ceil(columns / tile[1])];
  const numbers: Record<string, number> = {
    rows,
    columns,
    depth,
    batches,
    tilesDown: down,
    tilesAcross: across,
    tiles: whole * parts,
    splits: parts,
    grain,
    ...(launch.kind === "convolution" ? imageNumbers(launch) : {}),
  };
  const words = wordsOf(launch).flatMap((word) => {
    const value = numbers[word.replace("/", "")] as number;
    return word.endsWith("/") ? [value, ...divider(value)] : [value];
  });
  const kind = launch.kind === "matmul" ? `${Number(launch.transposeA)}${Number(launch.transposeB)}${Number(batches > 1)}` : launch.product;
  const key = ["product", kind, launch.dtype, tile.join(), Number(wide), Number(parts > 1), launch.epilogue?.kernel.key ?? ""].join("/");
  return {
    key,
    tile,
    wide,
    tiles: whole * parts,
    splits: parts,
    partBytes: parts > 1 ? parts * size * sizeOf(launch.dtype) : 0,
    size,
    words,
  };
}

function wordsOf(launch: ProductLaunch): readonly string[] {
  return launch.kind === "matmul" ? MATRIX : [...MATRIX, ...IMAGE];
}

function imageNumbers({ groups, c, o, input, output, kernel, stride, dilation, padding }: ConvolutionLaunch): Record<string, number> {
  return {
    makes: o / groups,
    channels: c / groups,
    positions: product(output),
    outputWidth: output[1],
    outputHeight: output[0],
    height: input[0],
    width: input[1],
    inputArea: product(input),
    inputWidth: input[1],
    taps: product(kernel),
    tapWidth: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
    paddingY: padding[0],
    paddingX: padding[1],
    allMakes: o,
    allChannels: c,
    strideYBy: stride[0],
    strideXBy: stride[1],
  };
}

/** The text of a product: `struct name_args`, the kernel `name`, and `name_join` where depth is split. Pointers: see {@link productPointers}. */
export function renderProduct(launch: ProductLaunch, plan: ProductPlan, name: string): RenderedCuda {
  return new CudaProduct(launch, plan, name).render();
}

const SCHEDULE: CudaSchedule = {
  wide: false,
  form: "map",
  vector: 1,
  lanes: -1,
  tile: -1,
  team: 1,
  across: false,
  serial: [],
  groups: [],
  split: false,
};

/** Stores the product as it is. */
function plainEpilogue(dtype: FloatDType): Kernel {
  const dense = { dtype, access: ["strided", "strided", "unit"], indirect: false } as const;
  const output = { ...dense, result: load(0, dtype), each: "element", storeAt: undefined, accumulate: false } as const;
  return kernel({ rank: 3, reduced: 0, operands: [dense], reductions: [], outputs: [output] });
}

class CudaProduct extends CudaProgram {
  private readonly launch: ProductLaunch;
  private readonly plan: ProductPlan;
  private readonly type: string;

  constructor(launch: ProductLaunch, plan: ProductPlan, name: string) {
    const extra = ["left", "right", ...(hasTable(launch) ? ["batch"] : []), ...(plan.splits > 1 ? ["parts"] : [])];
    super(launch.epilogue?.kernel ?? plainEpilogue(launch.dtype), { ...SCHEDULE, wide: plan.wide }, name, extra, plan.words.length);
    this.launch = launch;
    this.plan = plan;
    this.type = C_TYPE[launch.dtype];
  }

  render(): RenderedCuda {
    const isSplit = this.plan.splits > 1;
    const texts = [this.finish(), this.problem(), this.kernelText(), ...(isSplit ? [this.joinText()] : [])];
    return this.rendered(texts, isSplit);
  }

  /** The text of a word. */
  private word(name: string): string {
    let at = 0;
    for (const word of wordsOf(this.launch)) {
      if (word.replace("/", "") === name) return this.layout.appended(at);
      at += word.endsWith("/") ? 3 : 1;
    }
    throw new Error(`a product has no word ${name}`);
  }

  /** x divided by a word that has a divider. */
  private quotient(x: string, name: string): string {
    let at = 0;
    for (const word of wordsOf(this.launch)) {
      if (word === `${name}/`)
        return this.plan.wide
          ? `(${x}) / ${this.layout.appended(at)}`
          : `tg_quotient(${x}, ${this.layout.appended(at + 1)}, ${this.layout.appended(at + 2)})`;
      at += word.endsWith("/") ? 3 : 1;
    }
    throw new Error(`a product divides by no word ${name}`);
  }

  /** Declares `high` = x / word and `low` = the rest. */
  private divide(x: string, name: string, high: string, low: string): string {
    return `const ${this.index} ${high} = ${this.quotient(x, name)}, ${low} = ${x} - ${high} * ${this.word(name)};`;
  }

  private pointer(name: string): string {
    return `a.p[${this.layout.place(name)}]`;
  }

  /** What is done with the element (i0, i1, i2) of the result. */
  private finish(): string {
    this.em = this.emitter();
    const { em, index } = this;
    const roots = this.outputs.flatMap(storeRoots);
    const axes = `${index} i0, ${index} i1, ${index} i2`;
    em.block(`TG_FN void ${this.name}_finish(const ${this.name}_args &a, ${axes}, ${this.type} value)`, () => {
      this.locals();
      em.holding(new Map([[0, "value"]]), () =>
        em.at(
          [0, 1, 2],
          (axis) => `i${axis}`,
          () => {
            em.hoist(roots);
            this.store(this.outputs);
          },
        ),
      );
    });
    return em.text();
  }

  /** The struct that tg_product asks for elements. */
  private problem(): string {
    const { launch, index, type, name } = this;
    const [left, right, store] = launch.kind === "matmul" ? this.matrixElements(launch) : this.imageElements(launch);
    const along = launch.kind === "matmul" ? [!launch.transposeA, launch.transposeB] : [launch.product !== "input", false];
    const stored =
      this.plan.splits > 1
        ? `((${type} *)${this.pointer("parts")})[(((tg_wide)split * ${this.word("batches")} + batch) * rows + i) * columns + j] = value;`
        : store;
    const offsets = hasTable(launch)
      ? [0, 1].map((which) => `((const tg_wide *)${this.pointer("batch")})[2 * batch + ${which}]`)
      : ["0", "0"];
    return [
      `struct ${name}_product {`,
      `  typedef ${type} T;`,
      `  typedef ${index} I;`,
      `  static constexpr bool left_along_depth = ${along[0]}, right_along_depth = ${along[1]};`,
      `  const ${name}_args &a;`,
      "  const I batch, split, rows, columns, begin, end;",
      "  const T *const x, *const y;",
      `  __device__ ${name}_product(const ${name}_args &args, I batch, I split)`,
      `      : a(args), batch(batch), split(split), rows(${this.word("rows")}), columns(${this.word("columns")}),`,
      `        begin(split * ${this.word("grain")}),`,
      `        end((split + 1) * ${this.word("grain")} < ${this.word("depth")} ? (split + 1) * ${this.word("grain")} : ${this.word("depth")}),`,
      `        x((const T *)${this.pointer("left")} + ${offsets[0]}), y((const T *)${this.pointer("right")} + ${offsets[1]}) {}`,
      `  TG_FN T left(I i, I k) const { ${left} }`,
      `  TG_FN T right(I k, I j) const { ${right} }`,
      `  TG_FN void store(I i, I j, T value) const { ${stored} }`,
      "};",
      "",
    ].join("\n");
  }

  private matrixElements({ transposeA, transposeB }: MatmulLaunch): [string, string, string] {
    const depth = this.word("depth");
    return [
      `return i < rows && k < end ? x[${transposeA ? "k * rows + i" : `i * ${depth} + k`}] : (T)0;`,
      `return j < columns && k < end ? y[${transposeB ? `j * ${depth} + k` : "k * columns + j"}] : (T)0;`,
      `${this.name}_finish(a, batch, i, j, value);`,
    ];
  }

  /** x or w, y or w, as matrices; where there is padding, or nothing that a window reaches, elements are zero. */
  private imageElements({ product }: ConvolutionLaunch): [string, string, string] {
    const w = (name: string) => this.word(name);
    const inImage = (row: string, column: string) =>
      `${row} >= 0 && ${row} < ${w("height")} && ${column} >= 0 && ${column} < ${w("width")}`;
    const tap = (k: string) => `${this.divide(k, "taps", "link", "tap")} ${this.divide("tap", "tapWidth", "r", "s")}`;
    const window = (j: string) =>
      `${this.divide(j, "positions", "image", "position")} ${this.divide("position", "outputWidth", "oy", "ox")}`;
    const ofX = (image: string, channel: string) =>
      `const I py = oy * ${w("strideY")} + r * ${w("dilationY")} - ${w("paddingY")}, px = ox * ${w("strideX")} + s * ${w("dilationX")} - ${w("paddingX")}; ` +
      `return ${inImage("py", "px")} ? SIDE[((${image} * ${w("allChannels")} + batch * ${w("channels")} + ${channel}) * ${w("height")} + py) * ${w("width")} + px] : (T)0;`;
    const y = (make: string) => `(image * ${w("allMakes")} + batch * ${w("makes")} + ${make}) * ${w("positions")} + position`;
    if (product === "forward") {
      return [
        `return i < rows && k < end ? y[(batch * rows + i) * ${w("depth")} + k] : (T)0;`,
        `if (j >= columns || k >= end) return (T)0; ${tap("k")} ${window("j")} ${ofX("image", "link").replace("SIDE", "x")}`,
        `${this.divide("j", "positions", "image", "position")} ${this.name}_finish(a, image, batch * rows + i, position, value);`,
      ];
    }
    if (product === "input") {
      const back = (p: string, tapName: string, axis: "Y" | "X", out: string) =>
        `const I ${out}t = ${p} + ${w(`padding${axis}`)} - ${tapName} * ${w(`dilation${axis}`)}; if (${out}t < 0) return (T)0; ` +
        this.divide(`${out}t`, `stride${axis}By`, out, `${out}r`);
      return [
        `if (i >= rows || k >= end) return (T)0; ${this.divide("k", "taps", "link", "tap")} ` +
          `return y[((batch * ${w("makes")} + link) * rows + i) * ${w("taps")} + tap];`,
        `if (j >= columns || k >= end) return (T)0; ${tap("k")} ${this.divide("j", "inputArea", "image", "pixel")} ` +
          `${this.divide("pixel", "inputWidth", "py", "px")} ${back("py", "r", "Y", "oy")} ${back("px", "s", "X", "ox")} ` +
          `if (oyr != 0 || oxr != 0 || oy >= ${w("outputHeight")} || ox >= ${w("outputWidth")}) return (T)0; ` +
          `const I position = oy * ${w("outputWidth")} + ox; return x[${y("link")}];`,
        `${this.divide("j", "inputArea", "image", "pixel")} ${this.name}_finish(a, image, batch * rows + i, pixel, value);`,
      ];
    }
    return [
      `if (i >= rows || k >= end) return (T)0; ${this.divide("k", "positions", "image", "position")} return y[${y("i")}];`,
      `if (j >= columns || k >= end) return (T)0; ${window("k")} ${tap("j")} ${ofX("image", "link").replace("SIDE", "x")}`,
      `${this.name}_finish(a, (${this.index})0, batch * rows + i, j, value);`,
    ];
  }

  private kernelText(): string {
    const { name, type, index } = this;
    const [bm, bn, bk] = this.plan.tile;
    return [
      `extern "C" __global__ void __launch_bounds__(256) ${name}(const ${name}_args a) {`,
      `  __shared__ ${type} left[${2 * bk * (bm + 4)}], right[${2 * bk * (bn + 4)}];`,
      `  for (${index} t = blockIdx.x; t < ${this.word("tiles")}; t += gridDim.x) {`,
      `    ${this.divide("t", "tilesDown", "q", "down")}`,
      `    ${this.divide("q", "tilesAcross", "part", "across")}`,
      `    ${this.divide("part", "batches", "split", "batch")}`,
      `    tg_product<${name}_product, ${this.plan.tile.join(", ")}>(${name}_product(a, batch, split), down * ${bm}, across * ${bn}, left, right);`,
      "  }",
      "}",
      "",
    ].join("\n");
  }

  /** Adds the parts in their order, and finishes each element. */
  private joinText(): string {
    const { name, type, index } = this;
    const size = `${this.word("batches")} * ${this.word("rows")} * ${this.word("columns")}`;
    return [
      `extern "C" __global__ void __launch_bounds__(256) ${name}_join(const ${name}_args a) {`,
      `  const ${index} size = ${size}, rows = ${this.word("rows")}, columns = ${this.word("columns")};`,
      `  for (${index} g = (${index})blockIdx.x * blockDim.x + threadIdx.x; g < size; g += (${index})gridDim.x * blockDim.x) {`,
      `    ${type} value = 0;`,
      `    for (${index} part = 0; part < ${this.word("splits")}; part++) value += ((const ${type} *)${this.pointer("parts")})[(tg_wide)part * size + g];`,
      `    const ${index} q = g / columns, j = g - q * columns, batch = q / rows, i = q - batch * rows;`,
      `    ${this.storeWhole()}`,
      "  }",
      "}",
      "",
    ].join("\n");
  }

  private storeWhole(): string {
    const { launch } = this;
    const [, , store] = launch.kind === "matmul" ? this.matrixElements(launch) : this.imageElements(launch);
    return store;
  }
}

/** True where operands of a batch lie at offsets that a table gives. */
export function hasTable(launch: ProductLaunch): boolean {
  return launch.kind === "matmul" && launch.batch.length > 1;
}
