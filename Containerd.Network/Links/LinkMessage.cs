namespace Containerd.Network;

/// <summary>RTM_NEWLINK as the kernel sends it, turned into a <see cref="Link"/>.</summary>
internal static class LinkMessage
{
    // linux/uapi/linux/rtnetlink.h: leave out what takes three quarters of a message.
    public const uint SkipStatistics = 8;

    public static Link Parse(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributeReader attributes = NetlinkAttributeReader.After(payload, out LinkHeader header);
        var link = new Link { Index = header.Index, Name = "", Flags = header.Flags };
        while (attributes.MoveNext())
        {
            link = (LinkAttribute)attributes.Type switch
            {
                LinkAttribute.IFLA_IFNAME => link with { Name = attributes.ReadText() },
                LinkAttribute.IFLA_ADDRESS => link with { HardwareAddress = attributes.ReadPhysicalAddress() },
                LinkAttribute.IFLA_MTU => link with { Mtu = attributes.ReadInt32() },
                LinkAttribute.IFLA_LINK => link with { PeerIndex = attributes.ReadInt32() is > 0 and var peer ? peer : null },
                LinkAttribute.IFLA_LINK_NETNSID => link with { PeerNamespaceId = attributes.ReadInt32() },
                LinkAttribute.IFLA_MASTER => link with { MasterIndex = attributes.ReadInt32() },
                LinkAttribute.IFLA_OPERSTATE => link with { OperationalState = (OperationalState)attributes.ReadByte() },
                LinkAttribute.IFLA_GROUP => link with { Group = attributes.ReadInt32() },
                LinkAttribute.IFLA_IFALIAS => link with { Alias = attributes.ReadText() },
                LinkAttribute.IFLA_LINKINFO => link with { Kind = ParseKind(attributes.Nested()) },
                LinkAttribute.IFLA_PROP_LIST => link with { AlternativeNames = ParseNames(attributes.Nested()) },
                _ => link,
            };
        }
        return link.Name.Length > 0 && link.Index > 0 ? link : throw NetlinkFormat.Corrupted("a link has no name or no index");
    }

    public static List<Link> ParseAll(ReadOnlySpan<byte> messages)
    {
        var links = new List<Link>();
        var reader = new NetlinkMessageReader(messages);
        while (reader.MoveNext())
        {
            if (reader.Header.Type == MessageType.NewLink)
                links.Add(Parse(reader.Payload));
        }
        return links;
    }

    public static LinkStatistics? ParseStatistics(ReadOnlySpan<byte> messages)
    {
        var reader = new NetlinkMessageReader(messages);
        while (reader.MoveNext())
        {
            if (reader.Header.Type != MessageType.NewLink)
                continue;
            NetlinkAttributeReader attributes = NetlinkAttributeReader.After(reader.Payload, out LinkHeader _);
            while (attributes.MoveNext())
            {
                if ((LinkAttribute)attributes.Type != LinkAttribute.IFLA_STATS64)
                    continue;
                return new LinkStatistics
                {
                    ReceivedPackets = attributes.ReadUInt64At(0),
                    SentPackets = attributes.ReadUInt64At(1),
                    ReceivedBytes = attributes.ReadUInt64At(2),
                    SentBytes = attributes.ReadUInt64At(3),
                    ReceiveErrors = attributes.ReadUInt64At(4),
                    SendErrors = attributes.ReadUInt64At(5),
                    ReceiveDropped = attributes.ReadUInt64At(6),
                    SendDropped = attributes.ReadUInt64At(7),
                };
            }
        }
        return null;
    }

    private static string? ParseKind(NetlinkAttributeReader info)
    {
        while (info.MoveNext())
        {
            if ((LinkInfoAttribute)info.Type == LinkInfoAttribute.IFLA_INFO_KIND)
                return info.ReadText();
        }
        return null;
    }

    private static List<string> ParseNames(NetlinkAttributeReader properties)
    {
        var names = new List<string>();
        while (properties.MoveNext())
        {
            if ((LinkAttribute)properties.Type == LinkAttribute.IFLA_ALT_IFNAME)
                names.Add(properties.ReadText());
        }
        return names;
    }
}
