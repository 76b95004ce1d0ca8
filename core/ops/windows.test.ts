import { expect, it } from "vitest";
import { createInterpreter } from "../device/interpreter/device.ts";
import { scope } from "../tensor/scope.ts";
import { createTensor, type Tensor, useDevice } from "../tensor/tensor.ts";
import { avgPool2d, conv1d, conv2d, convTranspose2d, maxPool2d, unfold2d, upsampleNearest2d } from "./windows.ts";

const tensor = (...shape: number[]) =>
  createTensor(
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => i % 5),
    shape,
    "f64",
  );
const refused = (f: () => Tensor, message: RegExp) =>
  scope(() => {
    useDevice(createInterpreter());
    expect(f).toThrow(message);
  });

it("refuses a bias that is not one number a channel", () => {
  for (const bias of [[1], [2, 2], [3]])
    refused(() => conv2d(tensor(1, 1, 4, 4), tensor(4, 1, 2, 2), tensor(...bias)), /bias of shape .* for 4 channels/);
  refused(() => conv1d(tensor(1, 1, 4), tensor(1, 1, 2), tensor(4)), /bias of shape \[4\] for 1 channels/);
});

it("refuses an option that it does not know, rather than leaving it out", () => {
  refused(() => conv2d(tensor(1, 1, 4, 4), tensor(1, 1, 2, 2), { pading: 1 } as never), /conv2d has no option pading/);
  refused(() => maxPool2d(tensor(1, 1, 4, 4), 2, { dilation: 2 } as never), /maxPool2d has no option dilation/);
  refused(() => avgPool2d(tensor(1, 1, 4, 4), 2, { ceilMode: true } as never), /avgPool2d has no option ceilMode/);
});

it("refuses shapes that do not fit, naming both", () => {
  refused(() => conv2d(tensor(1, 1, 2, 2), tensor(1, 1, 3, 3)), /kernel of 3 x 3 .* larger than the image 2 x 2/);
  refused(() => conv2d(tensor(1, 3, 4, 4), tensor(2, 2, 2, 2)), /reads 2 channels a group, and x has 3/);
  refused(() => conv2d(tensor(1, 3, 4, 4), tensor(2, 1, 2, 2), { groups: 2 }), /do not divide into 2 groups/);
  refused(() => unfold2d(tensor(4, 4), 2), /image of shape \[N, C, H, W\]/);
  refused(() => convTranspose2d(tensor(1, 1, 2, 2), tensor(1, 1, 2, 2), { outputPadding: 1 }), /outputPadding 1 x 1 must be smaller/);
  refused(() => upsampleNearest2d(tensor(1, 1, 2, 2), 0), /scale 0 is not an integer of at least 1/);
});
