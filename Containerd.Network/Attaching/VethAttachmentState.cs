using System.Text.Json.Serialization;

namespace Containerd.Network;

/// <summary>What <see cref="NetworkAttachment.State"/> holds. Members are only ever added.</summary>
internal sealed record VethAttachmentState([property: JsonPropertyName("hostLink")] string HostLink);

[JsonSerializable(typeof(VethAttachmentState))]
internal sealed partial class VethAttachmentJson : JsonSerializerContext;
