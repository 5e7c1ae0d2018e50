import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Answers calls with onnxruntime's Java build; speaks as verify/runtimes/process.py says. */
final class Answer {
  record Tensor(String name, String dtype, long[] shape, String file) {}

  record Call(String graph, long rows, List<Tensor> inputs, List<Tensor> outputs) {}

  private static final Map<String, OrtSession> SESSIONS = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    OrtEnvironment environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, "parity");
    System.out.println(environment.getVersion());
    BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = calls.readLine(); line != null; line = calls.readLine()) {
      System.out.println(said(environment, Path.of(line)));
    }
  }

  private static String said(OrtEnvironment environment, Path call) {
    try {
      answer(environment, new Gson().fromJson(Files.readString(call), Call.class));
      return "ok";
    } catch (Exception | LinkageError error) {
      return "error: " + String.valueOf(error.getMessage()).lines().findFirst().orElse(error.toString());
    }
  }

  private static OrtSession opened(OrtEnvironment environment, String graph) throws Exception {
    if (!SESSIONS.containsKey(graph)) {
      OrtSession.SessionOptions options = new OrtSession.SessionOptions();
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      SESSIONS.put(graph, environment.createSession(graph, options));
    }
    return SESSIONS.get(graph);
  }

  private static void answer(OrtEnvironment environment, Call call) throws Exception {
    Map<String, OnnxTensor> feeds = new HashMap<>();
    for (Tensor tensor : call.inputs()) {
      feeds.put(tensor.name(), read(environment, tensor, call.rows()));
    }
    Set<String> wanted = new LinkedHashSet<>();
    call.outputs().forEach(tensor -> wanted.add(tensor.name()));
    try (OrtSession.Result found = opened(environment, call.graph()).run(feeds, wanted)) {
      for (Tensor tensor : call.outputs()) {
        write(tensor, (OnnxTensor) found.get(tensor.name()).orElseThrow());
      }
    } finally {
      feeds.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor read(OrtEnvironment environment, Tensor tensor, long rows) throws Exception {
    byte[] bytes = Files.readAllBytes(Path.of(tensor.file()));
    ByteBuffer raw = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder()).put(bytes);
    raw.rewind();
    long[] shape = new long[tensor.shape().length + 1];
    shape[0] = rows;
    System.arraycopy(tensor.shape(), 0, shape, 1, tensor.shape().length);
    return switch (tensor.dtype()) {
      case "float64" -> OnnxTensor.createTensor(environment, raw.asDoubleBuffer(), shape);
      case "float32" -> OnnxTensor.createTensor(environment, raw.asFloatBuffer(), shape);
      case "int64" -> OnnxTensor.createTensor(environment, raw.asLongBuffer(), shape);
      case "string" -> OnnxTensor.createTensor(environment, texts(raw), shape);
      default -> throw new IllegalArgumentException("tensor of " + tensor.dtype());
    };
  }

  private static String[] texts(ByteBuffer raw) {
    List<String> found = new ArrayList<>();
    while (raw.hasRemaining()) {
      byte[] text = new byte[raw.getInt()];
      raw.get(text);
      found.add(new String(text, StandardCharsets.UTF_8));
    }
    return found.toArray(new String[0]);
  }

  /** The texts of a tensor of any rank, in order. */
  private static void gather(Object values, List<byte[]> found) {
    if (values instanceof Object[] inner) {
      for (Object one : inner) {
        gather(one, found);
      }
    } else {
      found.add(((String) values).getBytes(StandardCharsets.UTF_8));
    }
  }

  private static byte[] packed(Object values) {
    List<byte[]> found = new ArrayList<>();
    gather(values, found);
    int size = found.stream().mapToInt(text -> 4 + text.length).sum();
    ByteBuffer raw = ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
    found.forEach(text -> raw.putInt(text.length).put(text));
    return raw.array();
  }

  private static void write(Tensor tensor, OnnxTensor found) throws Exception {
    String dtype =
        switch (found.getInfo().type) {
          case DOUBLE -> "float64";
          case FLOAT -> "float32";
          case INT64 -> "int64";
          case STRING -> "string";
          default -> found.getInfo().type.toString();
        };
    if (!dtype.equals(tensor.dtype())) {
      throw new IllegalStateException("output " + tensor.name() + " is " + dtype + ", not " + tensor.dtype());
    }
    if (dtype.equals("string")) {
      Files.write(Path.of(tensor.file()), packed(found.getValue()));
      return;
    }
    ByteBuffer values = found.getByteBuffer();
    byte[] bytes = new byte[values.remaining()];
    values.get(bytes);
    Files.write(Path.of(tensor.file()), bytes);
  }
}
