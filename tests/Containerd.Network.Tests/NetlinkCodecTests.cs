using System.Net;

namespace Containerd.Network.Tests;

[TestFixture]
public sealed class NetlinkCodecTests
{
    private static byte[] SetUpRequest()
    {
        var writer = new NetlinkMessageWriter(MessageType.SetLink, NetlinkFlags.None);
        writer.WriteHeader(new LinkHeader { Index = 7, Flags = LinkFlags.Up, Change = LinkFlags.Up });
        writer.Write(LinkAttribute.IFLA_IFNAME, "eth0");
        writer.Write(LinkAttribute.IFLA_MTU, 1400);
        int info = writer.BeginNest(LinkAttribute.IFLA_LINKINFO);
        writer.Write(LinkInfoAttribute.IFLA_INFO_KIND, "veth");
        writer.EndNest(info);
        return writer.ToArray();
    }

    [Test]
    public void A_message_has_exactly_the_bytes_the_kernel_defines()
    {
        Assume.That(BitConverter.IsLittleEndian);
        Assert.That(Convert.ToHexStringLower(SetUpRequest()), Is.EqualTo(
            "44000000" + "1300" + "0500" + "00000000" + "00000000"       // nlmsghdr: 68 bytes, SETLINK, REQUEST|ACK
            + "00000000" + "07000000" + "01000000" + "01000000"          // ifinfomsg: index 7, up
            + "0900" + "0300" + "6574683000" + "000000"                  // IFLA_IFNAME, padded with zeros
            + "0800" + "0400" + "78050000"                               // IFLA_MTU
            + "1000" + "1280" + "0900" + "0100" + "7665746800" + "000000")); // IFLA_LINKINFO, nested flag
    }

    [Test]
    public void What_is_written_is_read()
    {
        var messages = new NetlinkMessageReader(SetUpRequest());
        Assert.That(messages.MoveNext());
        Assert.That(messages.Header.Type, Is.EqualTo(MessageType.SetLink));
        NetlinkAttributeReader attributes = NetlinkAttributeReader.After(messages.Payload, out LinkHeader header);
        Assert.That(header.Index, Is.EqualTo(7));
        Assert.That(attributes.MoveNext());
        Assert.That(attributes.ReadText(), Is.EqualTo("eth0"));
        Assert.That(attributes.MoveNext());
        Assert.That(attributes.ReadInt32(), Is.EqualTo(1400));
        Assert.That(attributes.MoveNext());
        Assert.That(attributes.Type, Is.EqualTo((ushort)LinkAttribute.IFLA_LINKINFO));
        NetlinkAttributeReader nested = attributes.Nested();
        Assert.That(nested.MoveNext());
        Assert.That(nested.ReadText(), Is.EqualTo("veth"));
        Assert.That(nested.MoveNext(), Is.False);
        Assert.That(attributes.MoveNext(), Is.False);
        Assert.That(messages.MoveNext(), Is.False);
    }

    [Test]
    public void The_last_attribute_may_lack_its_padding()
    {
        var attributes = new NetlinkAttributeReader([5, 0, 1, 0, 42]);
        Assert.That(attributes.MoveNext());
        Assert.That(attributes.ReadByte(), Is.EqualTo(42));
        Assert.That(attributes.MoveNext(), Is.False);
    }

    [TestCase(new byte[] { 1, 0 }, TestName = "A cut attribute header is refused")]
    [TestCase(new byte[] { 0, 0, 1, 0 }, TestName = "An attribute of length zero is refused and not read forever")]
    [TestCase(new byte[] { 3, 0, 1, 0 }, TestName = "An attribute shorter than its header is refused")]
    [TestCase(new byte[] { 9, 0, 1, 0, 1, 2, 3, 4 }, TestName = "An attribute longer than the message is refused")]
    [TestCase(new byte[] { 255, 255, 1, 0 }, TestName = "An attribute of the greatest length is refused")]
    public void Lying_attributes_are_refused(byte[] bytes)
    {
        Assert.That(() => { var reader = new NetlinkAttributeReader(bytes); while (reader.MoveNext()) { } }, Throws.Corrupted());
    }

    [TestCase(0u)]
    [TestCase(15u)]
    [TestCase(33u)]
    [TestCase(uint.MaxValue)]
    [TestCase(0x80000000u)]
    public void Lying_message_lengths_are_refused(uint length)
    {
        byte[] bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes, length);
        Assert.That(() => { var reader = new NetlinkMessageReader(bytes); while (reader.MoveNext()) { } }, Throws.Corrupted());
    }

    [Test]
    public void A_value_shorter_than_its_type_is_refused()
    {
        Assert.That(() => { var r = new NetlinkAttributeReader([6, 0, 4, 0, 1, 2, 0, 0]); r.MoveNext(); r.ReadUInt32(); }, Throws.Corrupted());
        Assert.That(() => { var r = new NetlinkAttributeReader([4, 0, 4, 0]); r.MoveNext(); r.ReadByte(); }, Throws.Corrupted());
        Assert.That(() => { var r = new NetlinkAttributeReader([7, 0, 1, 0, 1, 2, 3, 0]); r.MoveNext(); r.ReadIPAddress(); }, Throws.Corrupted());
    }

    [Test]
    public void Random_bytes_are_read_or_refused_but_nothing_else()
    {
        byte[] good = [.. LinkBytes(), .. LinkBytes()];
        var random = new Random(4711);
        int refused = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = good[..random.Next(good.Length + 1)];
            for (int flips = random.Next(4); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                LinkMessage.ParseAll(bytes);
                LinkMessage.ParseStatistics(bytes);
                NetworkAddresses.ParseAll(bytes);
                NetworkRoutes.ParseInto([], bytes, 254);
                AttributePath.Find(bytes, random.Next(200), (ushort)random.Next(10));
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.DataCorrupted)
            {
                refused++;
            }
        }
        Assert.That(refused, Is.GreaterThan(1000));
    }

    [Test]
    public void An_acknowledgement_names_the_attribute_within_the_peer()
    {
        var writer = new NetlinkMessageWriter(MessageType.NewLink, NetlinkFlags.Create);
        writer.WriteHeader(default(LinkHeader));
        int info = writer.BeginNest(LinkAttribute.IFLA_LINKINFO);
        writer.Write(LinkInfoAttribute.IFLA_INFO_KIND, "veth");
        int data = writer.BeginNest(LinkInfoAttribute.IFLA_INFO_DATA);
        int peer = writer.BeginNest(VethAttribute.VETH_INFO_PEER);
        writer.WriteHeader(default(LinkHeader));
        int mtu = writer.ToArray().Length;
        writer.Write(LinkAttribute.IFLA_MTU, 1);
        writer.EndNest(peer);
        writer.EndNest(data);
        writer.EndNest(info);
        Assert.That(AttributePath.Find(writer.ToArray(), mtu), Is.EqualTo("IFLA_LINKINFO/IFLA_INFO_DATA/VETH_INFO_PEER/IFLA_MTU"));
        Assert.That(AttributePath.Find(writer.ToArray(), 4000), Is.Null);
    }

    [Test]
    public void Addresses_keep_the_bits_of_the_host_and_refuse_nonsense()
    {
        Assert.That(InterfaceAddress.Parse("10.1.2.3/24").ToString(), Is.EqualTo("10.1.2.3/24"));
        Assert.That(InterfaceAddress.Parse("fd00::2/64"), Is.EqualTo(new InterfaceAddress(IPAddress.Parse("fd00::2"), 64)));
        foreach (string? text in new[] { null, "", "10.1.2.3", "10.1.2.3/33", "10.1.2.3/-1", "fd00::/129", "fe80::1%2/64", "x/1", "10.1.2.3/ 8" })
            Assert.That(InterfaceAddress.TryParse(text, null, out _), Is.False, text);
    }

    [TestCase("")]
    [TestCase(".")]
    [TestCase("..")]
    [TestCase("a b")]
    [TestCase("a/b")]
    [TestCase("veth%d")]
    [TestCase("sixteen-letters-")]
    [TestCase("a\0b")]
    [TestCase("üüüüüüüü")]
    public void Names_no_link_can_have_are_refused(string name)
    {
        Assert.That(() => new Bridge(name), Throws.OfKind(ErrorKind.InvalidArgument));
    }

    private static byte[] LinkBytes()
    {
        var writer = new NetlinkMessageWriter(MessageType.NewLink, NetlinkFlags.None);
        writer.WriteHeader(new LinkHeader { Index = 3 });
        writer.Write(LinkAttribute.IFLA_IFNAME, "eth0");
        writer.Write(LinkAttribute.IFLA_MTU, 1500);
        writer.Write(LinkAttribute.IFLA_ADDRESS, [1, 2, 3, 4, 5, 6]);
        int info = writer.BeginNest(LinkAttribute.IFLA_LINKINFO);
        writer.Write(LinkInfoAttribute.IFLA_INFO_KIND, "veth");
        writer.EndNest(info);
        writer.Write(LinkAttribute.IFLA_STATS64, new byte[200]);
        return writer.ToArray();
    }
}
