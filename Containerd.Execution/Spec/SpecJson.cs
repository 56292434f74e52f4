using System.Text.Json.Serialization;

namespace Containerd.Execution;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowOutOfOrderMetadataProperties = true)]
[JsonSerializable(typeof(Spec))]
[JsonSerializable(typeof(SpecProcess))]
[JsonSerializable(typeof(LinuxResources))]
internal sealed partial class SpecJson : JsonSerializerContext;
