using System.Text.Json.Serialization;

namespace Containerd.Snapshots;

/// <summary>The JSON a store has on disk.</summary>
[JsonSerializable(typeof(SortedDictionary<string, string>))]
internal sealed partial class StoreJson : JsonSerializerContext;
