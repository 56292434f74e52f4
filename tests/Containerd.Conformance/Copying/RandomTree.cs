using System.Globalization;
using System.Text;

namespace Containerd.Conformance;

/// <summary>Makes trees up: every kind of file, names of any bytes, owners, modes, times and attributes of every kind.</summary>
public static class RandomTree
{
    private static readonly byte[] Capability = Convert.FromHexString("0100000200200000000000000000000000000000"); // cap_net_raw+ep, version 2

    /// <summary>The archive of a tree.</summary>
    /// <param name="seed">The same seed gives the same tree.</param>
    /// <param name="count">How many entries it has.</param>
    public static byte[] Archive(int seed, int count = 300)
    {
        var random = new Random(seed);
        var archive = new TarBuilder();
        List<byte[]> directories = [[]], files = [];
        archive.Directory("./", Options(random, 'd'));
        for (int i = 0; i < count; i++)
        {
            byte[] name = Name(random, i, directories[random.Next(directories.Count)]);
            switch (random.Next(12))
            {
                case < 3:
                    archive.Entry('5', [.. name, (byte)'/'], default, default, Options(random, 'd'));
                    if (name.Length < 70)
                        directories.Add([.. name, (byte)'/']);
                    break;
                case 3:
                    archive.Entry('2', name, Name(random, i, []), default, Options(random, 'l'));
                    files.Add(name);
                    break;
                case 4:
                    archive.Entry('6', name, default, default, Options(random, 'p'));
                    files.Add(name);
                    break;
                case 5:
                    archive.Entry(random.Next(2) == 0 ? '3' : '4', name, default, default, Options(random, 'c') with { Device = (random.Next(300), random.Next(70000)) });
                    files.Add(name);
                    break;
                case 6 when files.Count > 0:
                    // A link's header may repeat what the file is; it does not here, so that only the first decides.
                    archive.Entry('1', name, files[random.Next(files.Count)], default, new TarEntryOptions { ModifyTime = 1 });
                    break;
                default:
                    archive.Entry('0', name, default, Content(random), Options(random, 'f'));
                    files.Add(name);
                    break;
            }
        }
        return archive.ToArray();
    }

    private static byte[] Name(Random random, int number, byte[] directory)
    {
        byte[] odd = new byte[random.Next(8)];
        for (int i = 0; i < odd.Length; i++)
        {
            do
                odd[i] = (byte)random.Next(1, 256);
            while (odd[i] == (byte)'/');
        }
        return [.. directory, .. Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), .. odd];
    }

    private static byte[] Content(Random random)
    {
        byte[] content = new byte[random.Next(10) switch { 0 => 0, 1 => 65_536, 2 => random.Next(300_000), _ => random.Next(300) }];
        random.NextBytes(content);
        return content;
    }

    private static TarEntryOptions Options(Random random, char type)
    {
        var pax = new List<(string, byte[])>
        {
            ("mtime", Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{random.Next()}.{random.Next(1_000_000_000):d9}"))),
        };
        if (type is 'f' or 'd' && random.Next(3) == 0)
            pax.Add(("SCHILY.xattr.user.origin", Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{random.Next()}"))));
        if (type is 'f' or 'd' && random.Next(5) == 0)
            pax.Add(("SCHILY.acl.access", "user::rwx,user:4321:r-x,group::r--,mask::rwx,other::---"u8.ToArray()));
        if (type is 'd' && random.Next(5) == 0)
            pax.Add(("SCHILY.acl.default", "user::rwx,user:4321:rwx,group::r-x,mask::rwx,other::r-x"u8.ToArray()));
        if (random.Next(5) == 0)
            pax.Add(("SCHILY.xattr.trusted.odd", [0, 0xFF, (byte)'\n', 0]));
        if (type is 'f' && random.Next(5) == 0)
            pax.Add(("SCHILY.xattr.security.capability", Capability));
        return new TarEntryOptions { Mode = random.Next(0x1000), Uid = random.Next(100_000), Gid = random.Next(100_000), Pax = pax };
    }
}
