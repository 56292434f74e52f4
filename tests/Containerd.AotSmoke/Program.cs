using Containerd;

// One value of each kind through its own parsing and formatting, and one error with all it carries.
Digest digest = Digest.Parse("sha256:" + new string('a', 64));
if (digest.ToString() != "sha256:" + new string('a', 64))
    throw new InvalidOperationException($"{digest} did not survive a round trip.");
Console.WriteLine(digest);
Console.WriteLine("ok");
