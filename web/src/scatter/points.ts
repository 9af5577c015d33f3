/**
 * Draws all points by WebGL 2.
 *
 * Common libraries for this build JavaScript out of text (`new Function`), which the page's content
 * security policy forbids.
 */

import type { Camera } from "./camera";

const VERTEX = `#version 300 es
layout(location = 0) in vec2 position;
layout(location = 1) in vec4 colour;
uniform vec2 centre;
uniform vec2 scale;
uniform float size;
uniform float opacity;
uniform float least;
out vec4 shade;
void main() {
  gl_Position = vec4((position - centre) * scale, 0.0, 1.0);
  if (colour.a <= least) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size * (colour.a > 0.9 ? 1.0 : 0.75);
  float alpha = opacity * colour.a;
  shade = vec4(colour.rgb * alpha, alpha);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 shade;
uniform float edge;
out vec4 result;
void main() {
  float distance = length(gl_PointCoord - 0.5) * 2.0;
  float inside = 1.0 - smoothstep(1.0 - edge, 1.0, distance);
  result = shade * inside;
}`;

const SQUARE_FRAGMENT = `#version 300 es
precision mediump float;
in vec4 shade;
out vec4 result;
void main() {
  result = shade;
}`;

interface Program {
  program: WebGLProgram;
  uniforms: Record<"centre" | "scale" | "size" | "opacity" | "least" | "edge", WebGLUniformLocation | null>;
}

/** Points on a canvas. Positions and colours are uploaded once, not for every frame. */
export class Points {
  private readonly gl: WebGL2RenderingContext;
  private readonly round: Program;
  private readonly square: Program;
  private readonly positions: WebGLBuffer;
  private readonly colours: WebGLBuffer;
  private n = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    if (!gl) throw new Error("this browser has no WebGL 2, which the map needs");
    this.gl = gl;
    this.round = makeProgram(gl, FRAGMENT);
    this.square = makeProgram(gl, SQUARE_FRAGMENT);
    this.positions = gl.createBuffer();
    this.colours = gl.createBuffer();
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enableVertexAttribArray(0);
    gl.enableVertexAttribArray(1);
  }

  /** Set the positions, (n, 2). */
  setPositions(points: Float32Array): void {
    this.n = points.length / 2;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.positions);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, points, this.gl.STATIC_DRAW);
  }

  /** Set the colours, (n, 4) of red, green, blue and opacity; opacity 0 hides a point. */
  setColours(colours: Uint8Array): void {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colours);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, colours, this.gl.STATIC_DRAW);
  }

  /**
   * Draw one frame.
   *
   * @param size - diameter of a point in CSS pixels
   * @param every - draws every k-th point only, which is faster
   * @param top - draws the selected points once more, above all others
   */
  draw(camera: Camera, size: number, opacity: number, every = 1, top = false): void {
    const gl = this.gl;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(camera.width * ratio));
    const height = Math.max(1, Math.round(camera.height * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.n) return;
    const pixels = size * ratio;
    // A disc of less than three pixels looks like a square, which is drawn faster.
    const { program: shape, uniforms } = pixels < 3 ? this.square : this.round;
    gl.useProgram(shape);
    gl.uniform2f(uniforms.centre, camera.x, camera.y);
    const scaleX = (2 * camera.scaleX) / camera.width;
    const scaleY = (2 * camera.scaleY) / camera.height;
    gl.uniform2f(uniforms.scale, scaleX, scaleY);
    gl.uniform1f(uniforms.size, Math.max(1, pixels));
    gl.uniform1f(uniforms.opacity, opacity);
    gl.uniform1f(uniforms.edge, Math.min(1, 2 / pixels));
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 8 * every, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 4 * every, 0);
    const count = Math.floor((this.n - 1) / every) + 1;
    gl.uniform1f(uniforms.least, 0);
    gl.drawArrays(gl.POINTS, 0, count);
    if (!top) return;
    gl.uniform1f(uniforms.least, 0.95);
    gl.uniform1f(uniforms.size, Math.max(3, 1.3 * pixels));
    gl.uniform1f(uniforms.opacity, 1);
    gl.drawArrays(gl.POINTS, 0, count);
  }
}

function makeProgram(gl: WebGL2RenderingContext, fragment: string): Program {
  const linked = link(gl, fragment);
  const place = (name: string) => gl.getUniformLocation(linked, name);
  const uniforms = {
    centre: place("centre"),
    scale: place("scale"),
    size: place("size"),
    opacity: place("opacity"),
    least: place("least"),
    edge: place("edge"),
  };
  return { program: linked, uniforms };
}

function link(gl: WebGL2RenderingContext, fragment: string): WebGLProgram {
  const result = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error("WebGL could not create a shader");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      throw new Error(gl.getShaderInfoLog(shader) ?? "WebGL could not compile a shader");
    }
    gl.attachShader(result, shader);
  }
  gl.linkProgram(result);
  if (!gl.getProgramParameter(result, gl.LINK_STATUS)) {
    throw new Error(gl.getProgramInfoLog(result) ?? "WebGL could not link its shaders");
  }
  return result;
}
