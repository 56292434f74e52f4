using System.Runtime.InteropServices;

namespace Containerd.Network;

/// <summary>Turns an offset into a request, as an extended acknowledgement gives it, into the names of the attributes
/// around it.</summary>
internal static class AttributePath
{
    private enum Scope
    {
        Unknown,
        Link,
        LinkInfo,
        VethData,
        BridgeData,
        MacVlanData,
        Address,
        Route,
    }

    /// <summary>The names from the outermost attribute to the one at <paramref name="offset"/>, parted by slashes; null
    /// where none is there.</summary>
    /// <param name="request">The request as it was sent.</param>
    /// <param name="offset">Bytes from its start.</param>
    /// <param name="missing">The type of an attribute that should have been in the nest at the offset.</param>
    public static string? Find(ReadOnlySpan<byte> request, int? offset, ushort? missing = null)
    {
        if (request.Length < NetlinkHeader.Size)
            return null;
        (Scope scope, int headerSize) = MemoryMarshal.Read<NetlinkHeader>(request).Type switch
        {
            MessageType.NewLink or MessageType.DeleteLink or MessageType.GetLink or MessageType.SetLink => (Scope.Link, 16),
            MessageType.NewAddress or MessageType.DeleteAddress or MessageType.GetAddress => (Scope.Address, 8),
            MessageType.NewRoute or MessageType.DeleteRoute or MessageType.GetRoute => (Scope.Route, 12),
            _ => (Scope.Unknown, 0),
        };
        if (scope == Scope.Unknown)
            return null;
        string? path = null;
        if (offset is { } at && at > 0)
        {
            path = Find(request, NetlinkHeader.Size + headerSize, request.Length, at, ref scope);
            if (path is null)
                return null;
        }
        return missing is { } type ? Join(path, NameOf(scope, type)) : path;
    }

    private static string? Find(ReadOnlySpan<byte> request, int start, int end, int offset, ref Scope scope)
    {
        string kind = "";
        while (end - start >= NetlinkMessageWriter.AttributeHeaderSize)
        {
            int length = MemoryMarshal.Read<ushort>(request[start..]);
            ushort type = (ushort)(MemoryMarshal.Read<ushort>(request[(start + 2)..]) & 0x3fff);
            if (length < NetlinkMessageWriter.AttributeHeaderSize || length > end - start)
                return null;
            int payload = start + NetlinkMessageWriter.AttributeHeaderSize;
            if (scope == Scope.LinkInfo && type == (ushort)LinkInfoAttribute.IFLA_INFO_KIND)
                kind = System.Text.Encoding.UTF8.GetString(request[payload..(start + length)]).TrimEnd('\0');
            if (offset >= start && offset < start + length)
            {
                string name = NameOf(scope, type);
                (scope, int skip) = Within(scope, type, kind);
                return offset < payload + skip || scope == Scope.Unknown
                    ? name
                    : Join(name, Find(request, payload + skip, start + length, offset, ref scope));
            }
            start += NetlinkMessageWriter.Align(length);
        }
        return null;
    }

    private static (Scope Scope, int HeaderSize) Within(Scope scope, ushort type, string kind) => (scope, type, kind) switch
    {
        (Scope.Link, (ushort)LinkAttribute.IFLA_LINKINFO, _) => (Scope.LinkInfo, 0),
        (Scope.LinkInfo, (ushort)LinkInfoAttribute.IFLA_INFO_DATA, "veth") => (Scope.VethData, 0),
        (Scope.LinkInfo, (ushort)LinkInfoAttribute.IFLA_INFO_DATA, "bridge") => (Scope.BridgeData, 0),
        (Scope.LinkInfo, (ushort)LinkInfoAttribute.IFLA_INFO_DATA, "macvlan") => (Scope.MacVlanData, 0),
        (Scope.VethData, (ushort)VethAttribute.VETH_INFO_PEER, _) => (Scope.Link, 16),
        _ => (Scope.Unknown, 0),
    };

    private static string NameOf(Scope scope, ushort type) => scope switch
    {
        Scope.Link => ((LinkAttribute)type).ToString(),
        Scope.LinkInfo => ((LinkInfoAttribute)type).ToString(),
        Scope.VethData => ((VethAttribute)type).ToString(),
        Scope.BridgeData => ((BridgeAttribute)type).ToString(),
        Scope.MacVlanData => ((MacVlanAttribute)type).ToString(),
        Scope.Address => ((AddressAttribute)type).ToString(),
        Scope.Route => ((RouteAttribute)type).ToString(),
        _ => type.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private static string Join(string? outer, string? inner) => (outer, inner) switch
    {
        (null, _) => inner ?? "",
        (_, null) => outer,
        _ => $"{outer}/{inner}",
    };
}
