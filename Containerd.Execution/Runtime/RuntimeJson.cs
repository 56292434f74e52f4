using System.Text.Json.Serialization;

namespace Containerd.Execution;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RuntimeStateDocument))]
[JsonSerializable(typeof(RuntimeStateDocument[]))]
[JsonSerializable(typeof(int[]))]
internal sealed partial class RuntimeJson : JsonSerializerContext;
